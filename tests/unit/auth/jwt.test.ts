import { identificator } from "@anycable/serverless-js";
import fc from "fast-check";
import { generateKeyPair, type JWTPayload } from "jose";
import { describe, expect, it } from "vitest";
import type { IdentityAnswer } from "../../../src/auth/identity.ts";
import { publicKeys, secretKey, type VerificationKey } from "../../../src/auth/jwt-keys.ts";
import { jwtIdentity } from "../../../src/auth/jwt.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { handshakeOf } from "../../support/handshake.ts";
import { foreignTokens, forged, forgedAndSigned, signed } from "../../support/tokens.ts";

const clock = new FakeClock(1_800_000_000_000);
const now = 1_800_000_000;
const secret = "qwerty";

async function answerTo(token: string, keys: readonly VerificationKey[] = [secretKey(secret)]): Promise<IdentityAnswer> {
  const identity = jwtIdentity({ param: "jid", isEnforced: false, keys, clock });
  return identity.identify(handshakeOf({ headers: { "x-jid": token } }), "sid-1");
}

const accepted = (identifiers: string): IdentityAnswer => ({ status: "accepted", identifiers, isProven: true });
const refused = (reason = "unauthorized", why: unknown = expect.any(String)): object => ({ status: "rejected", reason, why });

const keyOf = (name: string): VerificationKey =>
  name === "secret" ? secretKey(foreignTokens.secret) : publicKeys(foreignTokens.publicKeys[name]!, "test")[0]!;
const keyNames = ["secret", ...Object.keys(foreignTokens.publicKeys)];

describe("tokens of other implementations", () => {
  it.each(foreignTokens.tokens)("$alg by $by are accepted with their key, and with no other", async ({ key, token }) => {
    for (const name of keyNames) {
      expect(await answerTo(token, [keyOf(name)]), name).toEqual(
        name === key ? accepted(foreignTokens.identifiers) : refused("unauthorized", expect.stringMatching(/^(?:no key|wrong signature)/u)),
      );
    }
  });

  it.each(foreignTokens.refused)("are refused: $what ($by)", async ({ token, reason }) => {
    const everyKey = keyNames.map(keyOf);
    expect(await answerTo(token, everyKey)).toEqual(refused(reason));
    expect(await answerTo(token)).toEqual(refused(reason));
  });

  it("by @anycable/serverless-js are accepted", async () => {
    const { generateToken } = identificator(secret, "20y") as { generateToken(identifiers: object): Promise<string> };
    expect(await answerTo(await generateToken({ userId: 42 }))).toEqual(accepted('{"userId":42}'));
    expect(await answerTo(await generateToken({ userId: 42 }), [secretKey("other")])).toEqual(refused());
  });
});

describe("claims", () => {
  const claiming = (claims: Readonly<Record<string, unknown>>): Promise<string> => signed({ ext: "{}", ...claims } as JWTPayload, secret);

  it.each([
    ["exp in a second", { exp: now + 1 }],
    ["no exp", {}],
    ["nbf now", { nbf: now }],
    ["iat in the future: the issuer's clock is ahead", { iat: now + 60, exp: now + 3600 }],
    ["others that nobody here knows", { iss: "x", aud: ["y"], jti: 1, sub: "z" }],
    ["times with fractions", { exp: now + 0.5, nbf: now - 0.5 }],
  ])("%s is accepted", async (_what, claims) => {
    expect(await answerTo(await claiming(claims))).toEqual(accepted("{}"));
  });

  it.each([
    ["exp now", { exp: now }],
    ["exp long ago", { exp: 0 }],
    ["exp before the beginning", { exp: -1 }],
  ])("%s is expired", async (_what, claims) => {
    expect(await answerTo(await claiming(claims))).toEqual(refused("token_expired", "expired"));
  });

  it("nbf in a second is not valid yet", async () => {
    expect(await answerTo(await claiming({ nbf: now + 1 }))).toEqual(refused("unauthorized", "not valid yet"));
  });

  it.each(["exp", "nbf", "iat"])("%s that is no number is refused, never ignored", async (claim) => {
    for (const value of [String(now + 60), null, {}, [now + 60], true]) {
      expect(await answerTo(await claiming({ [claim]: value }))).toEqual(refused("unauthorized", `bad claim ${claim}`));
    }
  });

  it("ext becomes the identifiers as it is, JSON or not", async () => {
    for (const ext of ['{ "user" : 12345678901234567890 }', "not JSON", "", "\u0000\u2028😀"]) {
      expect(await answerTo(await claiming({ ext }))).toEqual(accepted(ext));
    }
  });

  it("ext that is missing or no string is refused", async () => {
    for (const ext of [undefined, null, 7, true, { user: 1 }, ["{}"]]) {
      expect(await answerTo(await claiming({ ext }))).toEqual(refused("unauthorized", "its claim ext is no string"));
    }
    expect(await answerTo(await claiming({ ext: 7, exp: now }))).toEqual(refused("token_expired"));
  });
});

describe("several keys", () => {
  it("verify tokens of each, so that one can replace another", async () => {
    const keys = [secretKey("new"), secretKey("old"), keyOf("rsa")];
    expect(await answerTo(await signed({ ext: "1" }, "new"), keys)).toEqual(accepted("1"));
    expect(await answerTo(await signed({ ext: "2" }, "old"), keys)).toEqual(accepted("2"));
    expect(await answerTo(foreignTokens.tokens.find(({ alg }) => alg === "PS384")!.token, keys)).toEqual(
      accepted(foreignTokens.identifiers),
    );
    expect(await answerTo(await signed({ ext: "3" }, "older"), keys)).toEqual(refused("unauthorized", "wrong signature"));
    expect(await answerTo(await signed({ ext: "4", exp: now }, "old"), keys)).toEqual(refused("token_expired"));
  });

  it("of an own kind have no names: the token's key id changes nothing", async () => {
    expect(await answerTo(await signed({ ext: "1" }, secret, { kid: "whatever" }))).toEqual(accepted("1"));
  });
});

describe("forgeries", () => {
  const claims = { ext: '{"user":"admin"}' };

  it.each(["none", "None", "NONE", "nOnE", "", "hs256", "HS1", "RS256", "dir", 256, null, ["HS256"], undefined])(
    "of the algorithm %j are refused",
    async (alg) => {
      const [, , signature] = (await signed(claims, secret)).split(".");
      for (const end of ["", signature!, "AAAA"]) {
        expect(await answerTo(forged({ alg }, claims, end), keyNames.map(keyOf))).toEqual(refused());
      }
    },
  );

  it("that use the text of a public key as HMAC secret are refused, in every form of that text", async () => {
    const pem = foreignTokens.publicKeys["rsa"]!;
    const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/gu, ""), "base64");
    for (const key of [pem, pem.trim(), pem.replaceAll("\n", "\r\n"), der.toString("base64"), der.toString("latin1")]) {
      expect(await answerTo(await signed(claims, key), keyNames.map(keyOf))).toEqual(refused());
    }
  });

  it("that bring their own key are refused", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES256");
    const jwk = await crypto.subtle.exportKey("jwk", publicKey);
    const token = await signed(claims, privateKey, {
      alg: "ES256",
      jwk: { ...jwk } as never,
      x5u: "http://127.0.0.1:1/",
      jku: "http://127.0.0.1:1/",
    });
    expect(await answerTo(token, keyNames.map(keyOf))).toEqual(refused("unauthorized", "wrong signature"));
  });

  it.each([
    ["a demand that nobody understands", { alg: "HS256", crit: ["http://example.com/x"], "http://example.com/x": 1 }],
    ["a demand about a claim", { alg: "HS256", crit: ["exp"], exp: 1 }],
    ["claims in the open", { alg: "HS256", b64: false, crit: ["b64"] }],
    ["demands that are no list", { alg: "HS256", crit: "exp" }],
    ["a key id that is no text", { alg: "HS256", kid: 7 }],
    ["an algorithm in a list", { alg: ["HS256"] }],
    ["no algorithm", { typ: "JWT" }],
    ["a header that is a list", [{ alg: "HS256" }]],
    ["a header that is null", null],
    ["a header that is no JSON", "alg:HS256"],
  ])("in a token with a genuine signature and %s are refused", async (_what, header) => {
    expect(await answerTo(forgedAndSigned(header, claims, secret))).toEqual(refused("unauthorized", "malformed token"));
  });

  it.each([
    ["a list", [claims]],
    ["null", null],
    ["a text", '"x"'],
    ["no JSON", "{ext:1}"],
    ["two objects", "{}{}"],
  ])("in a token with a genuine signature and claims that are %s are refused", async (_what, odd) => {
    expect(await answerTo(forgedAndSigned({ alg: "HS256" }, odd, secret))).toEqual(refused("unauthorized", "malformed claims"));
  });

  it("with signatures of any length are refused by keys of every kind", async () => {
    const algorithms = [...new Set(foreignTokens.tokens.map(({ alg }) => alg))];
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom(0, 31, 32, 63, 64, 96, 131, 132, 255, 256, 257).map((length) => new Uint8Array(length)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...algorithms), bytes, async (alg, signature) => {
        const token = forged({ alg }, claims, Buffer.from(signature).toString("base64url"));
        expect(await answerTo(token, keyNames.map(keyOf))).toEqual(refused("unauthorized", "wrong signature"));
      }),
      { numRuns: 300 },
    );
  });

  it("by changing any character of a genuine token are refused", async () => {
    const token = await signed(claims, secret);
    for (let at = 0; at < token.length; at++) {
      const changed = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
      const answer = await answerTo(changed);
      // The very last one has two bits that mean nothing.
      if (at === token.length - 1 && answer.status === "accepted") continue;
      expect(answer, `character ${at}`).toEqual(refused());
    }
  });

  it("by cutting a genuine token anywhere are refused", async () => {
    const token = await signed(claims, secret);
    for (let at = 1; at < token.length; at++) {
      expect(await answerTo(token.slice(0, at)), `the first ${at}`).toEqual(refused());
      expect(await answerTo(token.slice(at)), `without the first ${at}`).toEqual(refused());
    }
  });

  it.each([
    ["a dot", (token: string) => `${token}.`],
    ["a fourth part", (token: string) => `${token}.AAAA`],
    ["a dot in front", (token: string) => `.${token}`],
    ["itself", (token: string) => token + token],
    ["more signature", (token: string) => `${token}AAAA`],
    ["padding of the signature", (token: string) => `${token}=`],
    ["padding of the claims", (token: string) => token.replace(/\.(?=[^.]*$)/u, "=.")],
    ["padding of the header", (token: string) => token.replace(".", "=.")],
    ["a blank", (token: string) => `${token} `],
    ["a line end", (token: string) => `${token}\n`],
    ["a scheme", (token: string) => `Bearer ${token}`],
    ["quotes", (token: string) => `"${token}"`],
  ])("by adding %s to a genuine token are refused", async (_what, change) => {
    expect(await answerTo(change(await signed(claims, secret)))).toEqual(refused());
  });

  it("of encryption are refused", async () => {
    expect(await answerTo(`${forged({ alg: "dir", enc: "A256GCM" }, {}, "AAAA")}.AAAA.AAAA`)).toEqual(refused());
  });

  it("of any size and depth are refused", async () => {
    const deep = "[".repeat(5_000) + "]".repeat(5_000);
    for (const part of [
      "x".repeat(100_000),
      Buffer.from(deep).toString("base64url"),
      Buffer.from(`{"alg":${deep}}`).toString("base64url"),
    ]) {
      expect(await answerTo(`${part}.${part}.${part}`)).toEqual(refused());
    }
  });

  it("of any kind are refused", async () => {
    const token = (await signed(claims, secret)).split(".") as [string, string, string];
    const part = fc.oneof(
      fc.constantFrom(...token),
      fc.json().map((json) => Buffer.from(json).toString("base64url")),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
        if (parts.join(".") === token.join(".") || parts.join(".") === "") return;
        expect(await answerTo(parts.join("."))).toEqual(refused());
      }),
      { numRuns: 300 },
    );
  });
});

it("takes a large token that is genuine", async () => {
  const ext = JSON.stringify({ roles: Array.from({ length: 1_000 }, (_, at) => `role-${at}`) });
  expect(await answerTo(await signed({ ext }, secret))).toEqual(accepted(ext));
});
