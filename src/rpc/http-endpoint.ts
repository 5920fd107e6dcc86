import { CableError } from "../errors.ts";

/** Where an application takes its calls. */
export interface HttpEndpoint {
  readonly isTls: boolean;
  /** For the connection: a name or an IP address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** For the `Host` header. */
  readonly host: string;
  /** Path and query for one of the contract's calls. */
  readonly pathOf: (call: string) => string;
  /** User and password of the URL, as `Authorization` carries them. */
  readonly basicCredentials: string | undefined;
  /** To be shown: without user, password and query. */
  readonly shown: string;
}

/**
 * Reads `rpc_host`. The calls are appended to its path; its query, if there is one, goes with each of them.
 * @throws {CableError} `config.invalid_value`; the message never repeats the URL, which may have a password inside.
 */
export function readHttpEndpoint(text: string): HttpEndpoint {
  const trimmed = text.trim();
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new CableError("config.invalid_value", "rpc_host: is no URL such as http://localhost:3000/_anycable");
  }
  const isTls = url.protocol === "https:";
  const path = url.pathname.replace(/\/+$/u, "");
  return {
    isTls,
    hostname: url.hostname.replace(/^\[(.*)\]$/u, "$1"),
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    host: url.host,
    pathOf: (call) => `${path}/${call}${url.search}`,
    basicCredentials: url.username === "" && url.password === "" ? undefined : basic(url),
    shown: `${url.protocol}//${url.host}${path}`,
  };
}

function basic({ username, password }: URL): string {
  return `Basic ${Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString("base64")}`;
}

/** A `%` that starts no escape stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
