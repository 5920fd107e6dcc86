import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { publicKeys, readJwks, secretKey } from "../../../src/auth/jwt-keys.ts";
import { foreignTokens } from "../../support/tokens.ts";

const pem = foreignTokens.publicKeys;

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(error).toMatchObject({ code: "config.invalid_value" });
    return (error as Error).message;
  }
  throw new Error("it was accepted");
}

describe("a public key", () => {
  it.each([
    ["rsa", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]],
    ["es256", ["ES256"]],
    ["es384", ["ES384"]],
    ["es512", ["ES512"]],
    ["eddsa", ["EdDSA", "Ed25519"]],
  ])("of kind %s is for %j and nothing else", (name, algorithms) => {
    expect(publicKeys(pem[name]!, "x").map((key) => key.algorithms)).toEqual([algorithms]);
  });

  it("can stand in a certificate, in PKCS#1, beside others and between words", () => {
    const certificate = readFileSync(new URL("../../fixtures/certs/ca.pem", import.meta.url), "utf8");
    const pkcs1 = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "pkcs1", format: "pem" }) as string;
    const text = `the old one\n${pem["es256"]}\r\nthe new one\n${pkcs1}${certificate}`;
    expect(publicKeys(text, "x").map(({ algorithms }) => algorithms[0])).toEqual(["ES256", "RS256", "ES256"]);
  });

  const exported = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }, half: "private" | "public"): string =>
    (half === "private"
      ? privateKey.export({ type: "pkcs8", format: "pem" })
      : publicKey.export({ type: "spki", format: "pem" })) as string;
  const edwards = (): ReturnType<typeof generateKeyPairSync> => generateKeyPairSync("ed25519");

  it.each([
    ["is none", "x has no public key in PEM format", () => "qwerty"],
    ["is empty", "x has no public key in PEM format", () => ""],
    ["is cut off", "x has no public key in PEM format", () => pem["rsa"]!.slice(0, -10)],
    ["is private", "x has a private key; give its public key alone", () => exported(edwards(), "private")],
    ["is private beside a public one", "x has a private key", () => pem["rsa"]! + exported(edwards(), "private")],
    ["is broken inside", "x has a public key that can't be used", () => pem["es256"]!.replace("MFk", "AAA")],
    ["is short", "at least 2048 bits, this one has 1024", () => exported(generateKeyPairSync("rsa", { modulusLength: 1024 }), "public")],
    [
      "is of a curve that no token uses",
      "its kind is ec secp256k1",
      () => exported(generateKeyPairSync("ec", { namedCurve: "secp256k1" }), "public"),
    ],
    ["is for RSA-PSS alone", "its kind is rsa-pss", () => exported(generateKeyPairSync("rsa-pss", { modulusLength: 2048 }), "public")],
    ["can't sign", "its kind is x25519", () => exported(generateKeyPairSync("x25519"), "public")],
  ])("that %s is refused", (_what, message, text) => {
    expect(refusal(() => publicKeys(text(), "x"))).toContain(message);
  });
});

describe("a secret", () => {
  it("is for HMAC and nothing else", () => {
    expect(secretKey("qwerty").algorithms).toEqual(["HS256", "HS384", "HS512"]);
  });

  it("can't be empty, nor what everybody knows", () => {
    expect(refusal(() => secretKey(""))).toContain("empty");
    for (const name of Object.keys(pem)) expect(refusal(() => secretKey(pem[name]!))).toContain("jwt_public_key");
  });
});

describe("a JWK Set", () => {
  const read = (...keys: readonly unknown[]): readonly (readonly [string | undefined, readonly string[]])[] =>
    readJwks(JSON.stringify({ keys })).keys.map(({ id, algorithms }) => [id, algorithms]);
  const edwards = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });

  it("gives each key its name, and no more algorithms than it says", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
    expect(read({ ...rsa, kid: "a", alg: "PS256" }, { ...edwards, kid: 7 }, { ...rsa, key_ops: ["verify"], use: "sig" })).toEqual([
      ["a", ["PS256"]],
      [undefined, ["EdDSA", "Ed25519"]],
      [undefined, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]],
    ]);
  });

  it("takes the public half of a pair", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const [key] = readJwks(JSON.stringify({ keys: [privateKey.export({ format: "jwk" })] })).keys;
    expect(key!.hasSigned("text", sign(null, Buffer.from("text"), privateKey), "EdDSA")).toBe(true);
    expect(key!.hasSigned("test", sign(null, Buffer.from("text"), privateKey), "EdDSA")).toBe(false);
  });

  it.each([
    ["a secret", { kty: "oct", k: "b3du", alg: "HS256" }],
    ["a key for encryption", { ...edwards, use: "enc" }],
    ["a key that may only sign", { ...edwards, key_ops: ["sign"] }],
    ["a key that says that it is of another kind", { ...edwards, alg: "HS256" }],
    ["a key whose algorithm is no text", { ...edwards, alg: ["EdDSA"] }],
    ["a broken key", { ...edwards, x: "AAAA" }],
    ["an unknown kind", { kty: "OKP", crv: "X25519", x: generateKeyPairSync("x25519").publicKey.export({ format: "jwk" }).x }],
    ["a key of the future", { kty: "AKP", alg: "ML-DSA-65", pub: "AAAA" }],
    ["no key at all", null],
    ["a text", "key"],
  ])("leaves out %s, and keeps the others", (_what, bad) => {
    expect(readJwks(JSON.stringify({ keys: [bad, edwards, bad] }))).toMatchObject({
      keys: [{ algorithms: ["EdDSA", "Ed25519"] }],
      ignored: 2,
    });
    expect(() => readJwks(JSON.stringify({ keys: [bad] }))).toThrow("it has no public key");
  });
});
