import { messageOf } from "../errors.ts";
import { isClosedByPeer } from "../internal/closed-by-peer.ts";

const closed = "the connection was closed";

/** Why a connection failed. Strangers may read it: NATS repeats no credentials. */
export function reasonOf(error: unknown): string {
  // Node throws one error for all addresses of a name, with an empty message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("; ");
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (isClosedByPeer(cause)) return closed;
  const text = textOf(error);
  const hint = hints.find(([pattern]) => pattern.test(`${code} ${text}`))?.[1];
  return hint === undefined ? text : `${text} (${hint})`;
}

function textOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "it does not answer";
  // OpenSSL's own words are at the end of a long line.
  if (error instanceof Error && "reason" in error && typeof error.reason === "string") return `TLS: ${error.reason}`;
  const text = messageOf(error);
  return text === "" ? closed : text;
}

const hints: readonly (readonly [RegExp, string])[] = [
  [/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/, "the authority that signed the server's certificate is not known here"],
  [/ALTNAME/, "nats_servers has to name the server as its certificate does"],
  [/does not support 'tls'/, "nats:// is without"],
  [/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/, "it wants a client certificate"],
];
