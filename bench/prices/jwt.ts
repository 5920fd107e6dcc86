import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { Bench, Variant } from "../bench.ts";
import { perConnection } from "./columns.ts";
import { connecting } from "./work.ts";

const SECRET = "a secret for the bench alone";

/** Clients come with a token that is verified; the first variant has neither token nor key. */
export const jwt: Bench = {
  name: "jwt",
  title: "JSON Web Tokens of connecting clients",
  needsRpc: false,
  variants: [
    { name: "none" },
    {
      name: "HS256",
      flags: () => ["--enforce_jwt", `--jwt_secret=${SECRET}`],
      client: { token: tokenOf("HS256", (text) => createHmac("sha256", SECRET).update(text).digest()) },
    },
    byKeyPair("RS256", generateKeyPairSync("rsa", { modulusLength: 2_048 })),
    byKeyPair("ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })),
  ],
  cases: (options) => [connecting(4_000, options)],
  columns: perConnection,
};

function byKeyPair(
  algorithm: string,
  { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
): Variant {
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return {
    name: algorithm,
    flags: () => ["--enforce_jwt", `--jwt_public_key=${pem}`],
    client: { token: tokenOf(algorithm, (text) => sign("sha256", text, { key: privateKey, dsaEncoding: "ieee-p1363" })) },
  };
}

function tokenOf(algorithm: string, signatureOf: (text: Buffer) => Buffer): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  // Good for a day: longer than any bench.
  const claims = { ext: JSON.stringify({ user_id: 42 }), exp: Math.floor(Date.now() / 1_000) + 86_400 };
  const text = `${part({ alg: algorithm, typ: "JWT" })}.${part(claims)}`;
  return `${text}.${signatureOf(Buffer.from(text)).toString("base64url")}`;
}
