import { ErrorReply } from "@redis/client";
import { messageOf } from "../errors.ts";
import { isClosedByPeer } from "../internal/closed-by-peer.ts";

/** Why a connection failed, for the log: never with the password, which old servers repeat when they don't know AUTH. */
export function reasonOf(error: unknown, password?: string): string {
  const text = textOf(error);
  return password === undefined ? text : text.replaceAll(password, "[password]");
}

/** The same for a page that strangers can read: of a server's answer only its kind, since the rest may name the user. */
export function publicReasonOf(error: unknown, password?: string): string {
  return error instanceof ErrorReply ? `it answered ${error.message.split(" ", 1)[0]}` : reasonOf(error, password);
}

function textOf(error: unknown): string {
  // Node throws one error for all addresses of a name, with an empty message.
  if (error instanceof AggregateError) return error.errors.map(textOf).join("; ");
  if (isClosedByPeer(error)) return "the connection was closed";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const hint = hints.find(([pattern]) => pattern.test(code))?.[1];
  const text = openssl(error) ?? messageOf(error);
  return hint === undefined ? text : `${text} (${hint})`;
}

const hints: readonly (readonly [RegExp, string])[] = [
  [/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/, "redis_tls_ca_cert_path names the file of who signed the server's certificate"],
  [/ALTNAME/, "redis_url has to name the server as its certificate does"],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH|UNEXPECTED_MESSAGE/, "it does not speak TLS there; redis:// is without"],
  [/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/, "it wants a client certificate: redis_tls_client_cert_path and redis_tls_client_key_path"],
  [/ALERT_UNKNOWN_CA|BAD_CERTIFICATE/, "it does not accept the certificate of redis_tls_client_cert_path"],
];

/** The last words of `80AB…:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/…`. */
function openssl(error: unknown): string | undefined {
  return error instanceof Error && "reason" in error && typeof error.reason === "string" ? `TLS: ${error.reason}` : undefined;
}
