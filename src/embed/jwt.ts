import type { Identity } from "../auth/identity.ts";
import { jwks } from "../auth/jwks.ts";
import { publicKeys, secretKey } from "../auth/jwt-keys.ts";
import { jwtIdentity as identity } from "../auth/jwt.ts";
import { systemClock } from "../clock.ts";
import { CableError } from "../errors.ts";
import { silentLogger, type Logger } from "../logger.ts";

/** At least one of `secrets`, `publicKeys` and `jwks` is needed; of several, any may verify a token. */
export interface JwtOptions {
  /** Where the token is: this query parameter, the header `x-<param>`, or the subprotocol `anycable-token.<token>`. Default `jid`. */
  readonly param?: string;
  /** Refuse clients without a token. Default false: the next identity is asked about them, and then the controller. */
  readonly isEnforced?: boolean;
  /** For HS256, HS384 and HS512. Several while one replaces another. */
  readonly secrets?: readonly string[];
  /** PEM text of public keys or certificates, one or several, for the algorithms RS, PS, ES and EdDSA. */
  readonly publicKeys?: string;
  /** URL or path of a JWK Set. Read again at every interval, and for a token whose key it does not have, at most every 10 s. */
  readonly jwks?: string;
  /** Default 300,000. */
  readonly jwksRefreshIntervalMs?: number;
  readonly logger?: Logger;
}

/**
 * Clients that carry a JSON Web Token: its claim `ext`, a string, becomes their identifiers. The server that it is given to starts and
 * stops it, so give it to one alone.
 * @throws {CableError} `config.invalid_value` for keys that can't be used, or none.
 */
export function jwtIdentity(options: JwtOptions): Identity {
  const { param = "jid", isEnforced = false, secrets = [], publicKeys: pem, jwks: location, jwksRefreshIntervalMs = 300_000 } = options;
  const { logger = silentLogger } = options;
  const clock = systemClock();
  const keys = [...secrets.map(secretKey), ...(pem === undefined ? [] : publicKeys(pem, "publicKeys"))];
  if (keys.length === 0 && location === undefined) {
    throw new CableError("config.invalid_value", "nothing verifies the tokens: give secrets, publicKeys or jwks");
  }
  const source = location === undefined ? undefined : jwks({ location, refreshIntervalMs: jwksRefreshIntervalMs, clock, logger });
  return identity({ param, isEnforced, keys, source, clock });
}
