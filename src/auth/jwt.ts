import { decodeProtectedHeader, errors, UnsecuredJWT } from "jose";
import type { Clock } from "../clock.ts";
import type { Identity, IdentityAnswer } from "./identity.ts";
import type { KeySource, VerificationKey } from "./jwt-keys.ts";
import { tokenOf } from "./jwt-token.ts";

export interface JwtIdentityOptions {
  /** Where the token is: query parameter, header `x-<param>`, or the subprotocol `anycable-token.<token>`. */
  readonly param: string;
  /** Whether a client without a token is refused; otherwise somebody else is asked about it. */
  readonly isEnforced: boolean;
  /** Tried in turn, so that keys can be replaced while tokens of the old one are about. */
  readonly keys: readonly VerificationKey[];
  /** Keys of a JWK Set. */
  readonly source?: KeySource | undefined;
  readonly clock: Clock;
}

/**
 * Clients that carry a JSON Web Token. Its claim `ext`, a string, becomes the connection identifiers; `exp` and `nbf` are checked to the
 * second. `iat` is not compared with the clock: RFC 7519 does not ask for it, AnyCable does not do it, and an issuer whose clock is a
 * second ahead would lose its clients. What happens after the connect, such as the token's expiry, changes nothing.
 */
export function jwtIdentity(options: JwtIdentityOptions): Identity {
  const { source } = options;
  return {
    ...(source && { start: () => source.start(), stop: () => source.stop() }),
    identify(handshake) {
      const token = tokenOf(handshake, options.param);
      if (token !== undefined) return judge(token, options);
      return options.isEnforced ? refusal("no token") : { status: "unknown" };
    },
  };
}

/** A token taken apart; nothing in it is to be trusted yet. */
interface Token {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly signedText: string;
  readonly claims: string;
  readonly signature: Buffer;
}

// jose verifies with WebCrypto, which goes through another thread and several promises. CPU of a connect on one core, 64 clients at a
// time, Node 20: 100 µs without a token; with HS256 175 by jose and 120 by createHmac; RS256 208 and 145, ES256 248 and 205. A crowd that
// reconnects pays that at once, so signatures are verified right here, by the platform, and the library reads header and claims.
function judge(text: string, options: JwtIdentityOptions): IdentityAnswer | Promise<IdentityAnswer> {
  const token = takeApart(text);
  if (token === undefined) return refusal("malformed token");
  const { keys, source, clock } = options;
  const fixed = keys.filter(({ algorithms }) => algorithms.includes(token.algorithm));
  if (isSignedByOne(fixed, token)) return identified(token, clock);
  if (source === undefined) return refusal(fixed.length === 0 ? "no key for its algorithm" : "wrong signature");
  const known = source.known(token.algorithm, token.keyId);
  if (isSignedByOne(known, token)) return identified(token, clock);
  // A key that was named and found says for certain that the token is not its own.
  if (token.keyId !== undefined && known.length > 0) return refusal("wrong signature");
  return judgeByNewer(token, source, clock);
}

async function judgeByNewer(token: Token, source: KeySource, clock: Clock): Promise<IdentityAnswer> {
  const newer = await source.newer(token.algorithm, token.keyId);
  if (newer === undefined) return { status: "unavailable", why: "no known key fits, and newer ones can't be fetched now" };
  if (isSignedByOne(newer, token)) return identified(token, clock);
  return refusal("no known key has signed it");
}

function takeApart(text: string): Token | undefined {
  // Buffer and the library would overlook padding and blanks; RFC 7515 has none, and AnyCable refuses them.
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/u.test(text)) return undefined;
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(text);
  } catch {
    return undefined;
  }
  const { alg, kid, crit } = header as Readonly<Record<string, unknown>>;
  // What is critical must be understood (RFC 7515 §4.1.11), and no extension is.
  if (typeof alg !== "string" || (kid !== undefined && typeof kid !== "string") || crit !== undefined) return undefined;
  const [head, claims, signature] = text.split(".") as [string, string, string];
  return { algorithm: alg, keyId: kid, signedText: `${head}.${claims}`, claims, signature: Buffer.from(signature, "base64url") };
}

function isSignedByOne(keys: readonly VerificationKey[], { algorithm, signedText, signature }: Token): boolean {
  return keys.some((key) => key.hasSigned(signedText, signature, algorithm));
}

const UNSECURED = Buffer.from('{"alg":"none"}').toString("base64url");

/** Who a token that is genuine stands for. The library checks claims of a token without signature at once, without promises. */
function identified({ claims }: Token, clock: Clock): IdentityAnswer {
  try {
    const { ext } = UnsecuredJWT.decode(`${UNSECURED}.${claims}.`, { currentDate: new Date(clock.nowMs()) }).payload;
    // AnyCable closes with 1011 and without a word here, and the client comes back for ever.
    return typeof ext === "string" ? { status: "accepted", identifiers: ext, isProven: true } : refusal("its claim ext is no string");
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { status: "rejected", reason: "token_expired", why: "expired" };
    if (!(error instanceof errors.JWTClaimValidationFailed)) return refusal("malformed claims");
    return refusal(error.claim === "nbf" && error.reason === "check_failed" ? "not valid yet" : `bad claim ${error.claim}`);
  }
}

function refusal(why: string): IdentityAnswer {
  return { status: "rejected", reason: "unauthorized", why };
}
