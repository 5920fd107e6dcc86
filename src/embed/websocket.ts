import { CableError } from "../errors.ts";
import { originPolicy } from "../http/origin.ts";
import { trustedProxies } from "../http/proxies.ts";
import { isNetwork } from "../internal/networks.ts";
import { silentLogger } from "../logger.ts";
import { chooseSubprotocol } from "../protocols/negotiate.ts";
import type { Transport } from "../transports/transport.ts";
import { websocketTransport as transport, type WebsocketOptions } from "../transports/websocket.ts";
import { version } from "../version.ts";

/** All have defaults. */
export interface WebsocketTransportOptions extends Partial<
  Omit<WebsocketOptions, "checkOrigin" | "chooseSubprotocol" | "version" | "proxies">
> {
  /**
   * Origins whose pages may connect: `example.com`, `*.example.com`, `*`. Default: no list; then a page of another site whose request
   * carries your users' cookies is refused.
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * Who may say, by X-Forwarded-For, -Proto and -Host, what a client's address and URL are: addresses, ranges (`10.0.0.0/8`), `loopback`,
   * `private`. Name every proxy in front of the server, and nobody else. Default: nobody may.
   */
  readonly trustedProxies?: readonly string[];
}

/** WebSocket for an embedded server, on `/cable` unless told otherwise, with AnyCable's limits. @throws {CableError} `config.invalid_value` */
export function websocketTransport({
  allowedOrigins = [],
  trustedProxies: trusted = [],
  ...options
}: WebsocketTransportOptions = {}): Transport {
  const { logger = silentLogger } = options;
  const unknown = trusted.find((text) => !isNetwork(text));
  if (unknown !== undefined) {
    const takes = "an address, a range such as 10.0.0.0/8, loopback or private";
    throw new CableError("config.invalid_value", `trustedProxies has ${JSON.stringify(unknown.slice(0, 200))}, which is not ${takes}`);
  }
  return transport({
    paths: ["/cable"],
    maxMessageBytes: 64 * 1024,
    maxConnections: 0,
    closeTimeoutMs: 2_000,
    version,
    chooseSubprotocol,
    logger,
    ...options,
    proxies: trusted.length > 0 ? trustedProxies(trusted) : undefined,
    checkOrigin: originPolicy({ allowedOrigins, logger }),
  });
}
