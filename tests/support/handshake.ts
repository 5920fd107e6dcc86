import type { IncomingMessage } from "node:http";
import { requestHandshake } from "../../src/transports/handshake.ts";
import type { Handshake } from "../../src/transports/transport.ts";

/** The handshake of a request with this query and these headers (lower-case names). */
export function handshakeOf({ query = "", headers = {} }: { query?: string; headers?: Readonly<Record<string, string>> } = {}): Handshake {
  const request: Partial<IncomingMessage> = { url: `/cable${query}`, headers: { host: "cable.test", ...headers } };
  return requestHandshake({ ...request, socket: { remoteAddress: "192.0.2.1" } } as IncomingMessage, "actioncable-v1-json");
}
