import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  timingSafeEqual,
  verify,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { CableError, messageOf } from "../errors.ts";

/**
 * A key that verifies tokens. It says itself for which algorithms it may be used, so that a token can't choose: a public key is never
 * taken for an HMAC secret, and `none` is nobody's algorithm.
 */
export interface VerificationKey {
  /** Tokens that name another key are not tried with this one; undefined = fits any. */
  readonly id: string | undefined;
  readonly algorithms: readonly string[];
  /** Whether this key has signed `text`. `algorithm` MUST be one of `algorithms`. */
  hasSigned(text: string, signature: Buffer, algorithm: string): boolean;
}

/** Keys that come from elsewhere and change there. */
export interface KeySource {
  /** Those that a token with this algorithm and key id may have been signed with, as far as they are known. */
  known(algorithm: string, id: string | undefined): readonly VerificationKey[];
  /**
   * The same after looking whether there are newer ones; called when the known ones did not fit. Waits for seconds at most. undefined =
   * that can't be found out now.
   */
  newer(algorithm: string, id: string | undefined): Promise<readonly VerificationKey[] | undefined>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** SHA-256 for HS256, and so on. */
function hashOf(algorithm: string): string {
  return `sha${algorithm.slice(2)}`;
}

/** The key of a shared secret. @throws {CableError} `config.invalid_value` for one that is none: empty, or public. */
export function secretKey(secret: string): VerificationKey {
  if (secret === "") throw new CableError("config.invalid_value", "a secret that verifies tokens can't be empty");
  if (/-----BEGIN (?:[A-Z ]*PUBLIC KEY|CERTIFICATE)-----/u.test(secret)) {
    // As an HMAC secret it would let everybody who knows it, which is everybody, make tokens.
    throw new CableError("config.invalid_value", "jwt_secret is a public key: give it as jwt_public_key");
  }
  const key = createSecretKey(Buffer.from(secret));
  return {
    id: undefined,
    algorithms: ["HS256", "HS384", "HS512"],
    hasSigned(text, signature, algorithm) {
      const expected = createHmac(hashOf(algorithm), key).update(text).digest();
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    },
  };
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/gu;

/**
 * The public keys of a PEM text: public keys (SPKI or PKCS#1) and certificates, one or several.
 * @throws {CableError} `config.invalid_value`; the message begins with `origin`, the place that the text comes from.
 */
export function publicKeys(pem: string, origin: string): readonly VerificationKey[] {
  const blocks = [...pem.matchAll(PEM_BLOCK)];
  if (blocks.length === 0) throw invalid(origin, "has no public key in PEM format");
  return blocks.map(([block, label]) => {
    if (label!.endsWith("PRIVATE KEY"))
      throw invalid(origin, "has a private key; give its public key alone, and keep the private one away");
    try {
      return publicKey(createPublicKey(block), undefined);
    } catch (error) {
      throw invalid(origin, `has a ${label!.toLowerCase()} that can't be used: ${messageOf(error)}`);
    }
  });
}

/** The usable keys of a JWK Set (RFC 7517), and how many were left out: shared secrets, keys for encryption, unknown kinds. */
export interface ReadKeys {
  readonly keys: readonly VerificationKey[];
  readonly ignored: number;
}

/** @throws {Error} when the text is no JWK Set, or none of its keys can be used. */
export function readJwks(text: string): ReadKeys {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new Error("it is not JSON");
  }
  if (typeof set !== "object" || set === null || !("keys" in set) || !Array.isArray(set.keys)) {
    throw new Error('it is no JWK Set: an object with an array "keys" is needed');
  }
  const all: readonly unknown[] = set.keys;
  const keys = all.flatMap((jwk) => readJwk(jwk) ?? []);
  if (keys.length === 0) throw new Error("it has no public key that can verify signatures");
  return { keys, ignored: all.length - keys.length };
}

function readJwk(jwk: unknown): VerificationKey | undefined {
  if (typeof jwk !== "object" || jwk === null) return undefined;
  const { use, key_ops: operations, alg, kid } = jwk as Readonly<Record<string, unknown>>;
  if (use !== undefined && use !== "sig") return undefined;
  if (Array.isArray(operations) && !operations.includes("verify")) return undefined;
  try {
    // Of a key pair this takes the public half; a shared secret (kty oct) it refuses, and rightly: what is published is no secret.
    const key = publicKey(createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }), typeof kid === "string" ? kid : undefined);
    if (alg === undefined) return key;
    return typeof alg === "string" && key.algorithms.includes(alg) ? { ...key, algorithms: [alg] } : undefined;
  } catch {
    return undefined;
  }
}

function publicKey(key: KeyObject, id: string | undefined): VerificationKey {
  return {
    id,
    algorithms: algorithmsOf(key),
    // Each family's parameters are those of RFC 7518 §3 and RFC 8037 §3.1.
    hasSigned(text, signature, algorithm) {
      const signed = Buffer.from(text);
      switch (algorithm.slice(0, 2)) {
        case "RS":
          return verify(hashOf(algorithm), signed, key, signature);
        case "PS": {
          const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
          return verify(hashOf(algorithm), signed, { key, padding, saltLength }, signature);
        }
        case "ES":
          return verify(hashOf(algorithm), signed, { key, dsaEncoding: "ieee-p1363" }, signature);
        default:
          return verify(null, signed, key, signature);
      }
    },
  };
}

const RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const EDWARDS = ["EdDSA", "Ed25519"];
const OF_CURVE: Readonly<Record<string, readonly string[]>> = { prime256v1: ["ES256"], secp384r1: ["ES384"], secp521r1: ["ES512"] };

/** All that a public key can be for. */
export const publicAlgorithms: ReadonlySet<string> = new Set([...RSA, ...EDWARDS, ...Object.values(OF_CURVE).flat()]);

/** What a key can verify. @throws {Error} when that is nothing. */
function algorithmsOf(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0, namedCurve = "" } = {} } = key;
  if (type === "rsa") {
    if (modulusLength < 2048) throw new Error(`an RSA key needs at least 2048 bits, this one has ${modulusLength}`);
    return RSA;
  }
  const algorithms = type === "ed25519" ? EDWARDS : type === "ec" ? OF_CURVE[namedCurve] : undefined;
  if (algorithms === undefined)
    throw new Error(`its kind is ${[type, namedCurve].join(" ").trim()}; RSA, P-256, P-384, P-521 and Ed25519 are known`);
  return algorithms;
}

function invalid(origin: string, problem: string): CableError {
  return new CableError("config.invalid_value", `${origin} ${problem}`);
}
