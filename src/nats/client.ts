import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { NatsConnectionImpl, setTransportFactory, type NatsConnection as NatsClient, type TlsOptions } from "@nats-io/transport-node";
import { NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";
import { placeOf, type NatsEndpoint } from "./address.ts";

/** One connection of nats.js, which does not reconnect: when it is lost it is closed for good, and another one takes its place. */
export type { NatsClient };

/** What comes with a message, and what makes one. */
export { createInbox, headers, type Msg as NatsMessage } from "@nats-io/transport-node";

/** TLS to NATS. The server's certificate is always checked. The files are read again for each connection. */
export interface NatsTlsOptions {
  /** PEM file of who signed the server's certificate. Default: those that Node.js brings along. */
  readonly caPath?: string | undefined;
  /** PEM files of the certificate that we show and its key. Default: none is shown. */
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
}

export interface NatsClientOptions {
  readonly endpoint: NatsEndpoint;
  readonly tls: NatsTlsOptions;
  /** Hosts that were configured: a certificate for any of them will do, since servers tell of each other by IP address. */
  readonly names: readonly string[];
  /** What the server lists us as. */
  readonly name: string;
  /** Milliseconds between pings; a server that answers none of two is given up at the third. */
  readonly pingIntervalMs: number;
}

const connectTimeoutMs = 5_000;

/** A connection that stands. Rejects after 5 s at most: it may be told to stop before, but no sooner than that it lets go of the server. */
export async function connectNats(options: NatsClientOptions): Promise<NatsClient> {
  const { endpoint, name, pingIntervalMs } = options;
  const { login } = endpoint;
  // The library keeps one maker for the whole process, so what ours makes has to do for everybody.
  setTransportFactory({ factory: () => new Transport() });
  return NatsConnectionImpl.connect({
    servers: placeOf(endpoint),
    name,
    ...(login === undefined ? {} : "token" in login ? { token: login.token } : { user: login.user, pass: login.password }),
    ...(endpoint.isTls && { tls: tlsOptions(options) }),
    reconnect: false,
    resolve: false,
    timeout: connectTimeoutMs,
    pingInterval: pingIntervalMs,
    noAsyncTraces: true,
  });
}

/** nats.js 3.3 leaves the socket of a try that timed out open, so that each try leaks one to a server that hangs. */
class Transport extends NodeTransport {
  override async close(error?: Error): Promise<void> {
    await super.close(error);
    if (!this.connected) this.discard();
  }

  override connect(server: Parameters<NodeTransport["connect"]>[0], options: Parameters<NodeTransport["connect"]>[1]): Promise<void> {
    return super.connect({ ...server, tlsName: server.tlsName || nameOf(server.hostname) }, options);
  }
}

/** What `tls.connect` is given besides the socket. */
function tlsOptions({ endpoint: { host }, names, tls: { caPath, certPath, keyPath } }: NatsClientOptions): TlsOptions {
  const options = {
    ...(caPath !== undefined && { caFile: caPath }),
    ...(certPath !== undefined && { certFile: certPath }),
    ...(keyPath !== undefined && { keyFile: keyPath }),
    servername: [host, ...names].map(nameOf).find((name) => name !== "") ?? "",
    checkServerIdentity: (_name: string, certificate: Parameters<typeof checkServerIdentity>[1]) => {
      const errors = [host, ...names].map((name) => checkServerIdentity(name, certificate));
      return errors.includes(undefined) ? undefined : errors[0];
    },
  };
  return options;
}

/** IP addresses are no server names in TLS. */
function nameOf(host: string): string {
  return isIP(host) === 0 ? host : "";
}
