import { originPolicy } from "../http/origin.ts";
import { silentLogger } from "../logger.ts";
import { chooseSubprotocol } from "../protocols/negotiate.ts";
import type { Transport } from "../transports/transport.ts";
import { websocketTransport as transport, type WebsocketOptions } from "../transports/websocket.ts";
import { version } from "../version.ts";

/** All have defaults. */
export interface WebsocketTransportOptions extends Partial<Omit<WebsocketOptions, "checkOrigin" | "chooseSubprotocol" | "version">> {
  /**
   * Origins whose pages may connect: `example.com`, `*.example.com`, `*`. Default: no list; then a page of another site whose request
   * carries your users' cookies is refused.
   */
  readonly allowedOrigins?: readonly string[];
}

/** WebSocket for an embedded server, on `/cable` unless told otherwise, with AnyCable's limits. */
export function websocketTransport({ allowedOrigins = [], ...options }: WebsocketTransportOptions = {}): Transport {
  const { logger = silentLogger } = options;
  return transport({
    paths: ["/cable"],
    maxMessageBytes: 64 * 1024,
    maxConnections: 0,
    closeTimeoutMs: 2_000,
    version,
    chooseSubprotocol,
    logger,
    ...options,
    checkOrigin: originPolicy({ allowedOrigins, logger }),
  });
}
