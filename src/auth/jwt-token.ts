import type { Handshake } from "../transports/transport.ts";

const SUBPROTOCOL_PREFIX = "anycable-token.";

/** The header that carries the token when the option `jwt_param` is `param`. */
export function tokenHeader(param: string): string {
  return `x-${param}`.toLowerCase();
}

/**
 * The token as a header has it: the header itself, else the value that stands for it in the list of subprotocols, because browsers can't
 * set headers. It is also what the application gets to see under the header's name. Source of this order: AnyCable 1.6.16.
 */
export function tokenInHeaders(handshake: Pick<Handshake, "header">, param: string): string | undefined {
  const given = handshake.header(tokenHeader(param));
  if (given !== undefined && given !== "") return given;
  const offered = handshake.header("sec-websocket-protocol");
  if (offered === undefined || !offered.includes(SUBPROTOCOL_PREFIX)) return undefined;
  const token = offered
    .split(",")
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(SUBPROTOCOL_PREFIX))
    ?.slice(SUBPROTOCOL_PREFIX.length);
  return token === "" ? undefined : token;
}

/** The client's token: from the headers, else from the query, where the first of several counts. An empty one is none. */
export function tokenOf(handshake: Pick<Handshake, "header" | "firstParam">, param: string): string | undefined {
  return tokenInHeaders(handshake, param) ?? (handshake.firstParam(param) || undefined);
}
