import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameVerifier } from "../../../src/auth/message-verifier.ts";
import { foreignNames, sign } from "../../support/signed-names.ts";

const verify = nameVerifier([foreignNames.secret]);

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64");
}

describe("names signed by other implementations", () => {
  it("are here in all their forms", () => {
    const payloads = foreignNames.names.map(({ signed }) => signed.slice(0, -66));
    for (const form of [/\+/u, /\//u, /-/u, /_/u, /--/u, /=$/u, /[^=]$/u])
      expect(payloads.some((payload) => form.test(payload))).toBe(true);
  });

  it.each(foreignNames.names)("$name by $by is accepted", ({ name, signed }) => {
    expect(verify(signed)).toEqual({ stream: name });
    expect(nameVerifier(["other"])(signed)).toEqual({ why: "its signature is wrong" });
  });

  it.each(foreignNames.refused)("$what by $by is refused", ({ signed }) => {
    expect(verify(signed)).toEqual({ why: expect.any(String) });
  });
});

describe("a signed name", () => {
  it("is accepted in both alphabets, with and without padding, if it was signed so", () => {
    for (const name of ["a?>~>?", "aa㏾", "a", "ab", "abc"]) {
      const padded = base64(name);
      const urlSafe = padded.replaceAll("+", "-").replaceAll("/", "_");
      for (const payload of [padded, urlSafe, padded.replace(/=+$/u, ""), urlSafe.replace(/=+$/u, "")]) {
        expect(verify(sign(payload))).toEqual({ stream: name });
      }
    }
  });

  it("is not accepted in a form that was not signed", () => {
    const signed = sign(base64("ab"));
    expect(verify(signed.replace("=--", "--"))).toEqual({ why: "its signature is wrong" });
    expect(verify(signed.replace("--", "=--"))).toEqual({ why: "its signature is wrong" });
  });

  it("is any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.string({ minLength: 1 }), (name, secret) => {
        expect(nameVerifier([secret])(sign(base64(name), secret))).toEqual({ stream: name });
      }),
    );
  });

  it("is accepted from each secret of several", () => {
    const verifyBoth = nameVerifier(["new", "old"]);
    expect(verifyBoth(sign(base64("a"), "new"))).toEqual({ stream: "a" });
    expect(verifyBoth(sign(base64("a"), "old"))).toEqual({ stream: "a" });
    expect(verifyBoth(sign(base64("a"), "older"))).toEqual({ why: "its signature is wrong" });
  });
});

describe("what is refused", () => {
  const signed = sign(base64("chat/2023"));

  it("is a genuine one that was cut", () => {
    for (let at = 0; at < signed.length; at++) expect(verify(signed.slice(0, at))).toHaveProperty("why");
    for (let at = 1; at < signed.length; at++) expect(verify(signed.slice(at))).toHaveProperty("why");
  });

  it("is a genuine one with any character changed", () => {
    for (let at = 0; at < signed.length; at++) {
      const changed = `${signed.slice(0, at)}${signed[at] === "a" ? "b" : "a"}${signed.slice(at + 1)}`;
      expect(verify(changed), changed).toHaveProperty("why");
    }
  });

  it.each([
    ["nothing", ""],
    ["a plain name", "chat/2023"],
    ["separators alone", "--"],
    ["a signature alone", signed.slice(signed.indexOf("--"))],
    ["a signature of nothing", sign("")],
    ["a genuine one twice", `${signed}--${signed}`],
    ["a genuine one with more behind it", `${signed}--`],
    ["a genuine one in capitals", signed.replace(/[0-9a-f]{64}$/u, (hex) => hex.toUpperCase())],
    ["a signature that is longer", `${signed}00`],
    ["blanks around", ` ${signed} `],
    ["text that is no base64", sign("chat/2023!")],
    ["base64 of no JSON", sign(Buffer.from("chat/2023").toString("base64"))],
    ["base64 of two JSON texts", sign(Buffer.from('"a""b"').toString("base64"))],
    ["an empty name", sign(base64(""))],
    ["a number", sign(base64(7))],
    ["a list", sign(base64(["a"]))],
    ["null", sign(base64(null))],
    ["padding in the middle", sign("ImEi=Ii==")],
    ["a signature with the empty key", sign(base64("a"), "")],
  ])("is %s", (_what, token) => {
    expect(verify(token)).toEqual({ why: expect.any(String) });
  });

  it("is anything, however it looks", () => {
    const part = fc.oneof(fc.string({ unit: "binary" }), fc.base64String(), fc.stringMatching(/^[0-9a-f]{60,68}$/u));
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        expect(verify(parts.join("--"))).toHaveProperty("why");
      }),
    );
  });
});

it("needs a secret, because everybody has the empty one", () => {
  for (const secrets of [[], [""], ["a", ""]]) {
    expect(() => nameVerifier(secrets)).toThrow(expect.objectContaining({ code: "config.invalid_value" }));
  }
});
