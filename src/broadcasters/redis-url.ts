import { CableError } from "../errors.ts";

/** Where a Redis is and how to get in. */
export interface RedisAddress {
  /** One, or the nodes of a cluster in the order given. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** For logs: without credentials. */
  readonly display: string;
}

/**
 * Reads `redis_url` as AnyCable 1.6.16 does: without a scheme it is `redis://`; a comma list names the nodes of a cluster, and all but host
 * and port comes from the first. The database number is not read: pub/sub does not know databases.
 * @throws {CableError} `config.invalid_value` or `config.not_built`; never with the URL in it, which may hold a password.
 */
export function parseRedisUrl(value: string): RedisAddress {
  const urls = value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseOne);
  const first = urls[0];
  if (first === undefined) throw invalid("it is empty");
  const hosts = urls.map((url) => ({ host: url.hostname.replace(/^\[(.*)\]$/s, "$1"), port: url.port === "" ? 6379 : Number(url.port) }));
  return {
    hosts,
    isTls: first.protocol === "rediss:",
    username: decoded(first.username),
    password: decoded(first.password),
    display: hosts.map(({ host, port }) => `${first.protocol}//${host.includes(":") ? `[${host}]` : host}:${port}`).join(","),
  };
}

function parseOne(part: string): URL {
  const text = part.includes("://") ? part : `redis://${part}`;
  const scheme = text.slice(0, text.indexOf("://")).toLowerCase();
  if (scheme === "unix")
    throw new CableError("config.not_built", "The option redis_url can't name a unix socket yet. Let Redis listen on TCP.");
  if (scheme !== "redis" && scheme !== "rediss") throw invalid(`its scheme is ${scheme}`);
  if (!URL.canParse(text)) throw invalid("it can't be read; percent-encode special characters of the password");
  const url = new URL(text);
  if (url.hostname === "") throw invalid("it names no host");
  return url;
}

function decoded(text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("its user or password has a stray %; write it as %25");
  }
}

function invalid(why: string): CableError {
  return new CableError(
    "config.invalid_value",
    `The option redis_url has a wrong value: ${why}. It looks like redis://user:password@host:6379.`,
  );
}
