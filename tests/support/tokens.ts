import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { SignJWT, type CryptoKey, type JWTHeaderParameters, type JWTPayload, type KeyObject } from "jose";

/** Tokens that other implementations made; see the README beside them. */
export interface ForeignTokens {
  readonly secret: string;
  /** What the claim `ext` of each says. */
  readonly identifiers: string;
  readonly publicKeys: Readonly<Record<string, string>>;
  /** `key` is "secret" or one of `publicKeys`. */
  readonly tokens: readonly { readonly by: string; readonly alg: string; readonly key: string; readonly token: string }[];
  readonly refused: readonly {
    readonly by: string;
    readonly what: string;
    readonly reason: "unauthorized" | "token_expired";
    readonly token: string;
  }[];
}

export const foreignTokens: ForeignTokens = JSON.parse(
  readFileSync(new URL("../fixtures/jwt/tokens.json", import.meta.url), "utf8"),
) as ForeignTokens;

/** A key to sign with: a secret as text, or a private key. */
export type SigningKey = string | CryptoKey | KeyObject;

/** A token with these claims, made by jose. */
export function signed(claims: JWTPayload, key: SigningKey, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  const token = new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header });
  return token.sign(typeof key === "string" ? new TextEncoder().encode(key) : key);
}

/** A token put together by hand, for what no library would make. `signature` is written as it is. */
export function forged(header: unknown, claims: unknown, signature = ""): string {
  return `${base64url(header)}.${base64url(claims)}.${signature}`;
}

/** The same with a genuine signature (HS256). */
export function forgedAndSigned(header: unknown, claims: unknown, secret: string): string {
  const text = `${base64url(header)}.${base64url(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

function base64url(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}
