import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Duplex } from "node:stream";
import type { LocalChannel } from "./auth/channels.ts";
import type { Identity } from "./auth/identity.ts";
import type { Broadcaster } from "./broadcasters/broadcaster.ts";
import type { Broker } from "./broker/broker.ts";
import { createCable } from "./cable.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { DisconnectMode } from "./commands/disconnect.ts";
import { RouteTable } from "./http/route-table.ts";
import { startAll, stopAll } from "./lifecycle.ts";
import { AddressLimits, type AddressLimitOptions } from "./limits/address-limits.ts";
import type { Rates } from "./limits/meter.ts";
import { silentLogger, type Logger } from "./logger.ts";
import { CableError, messageOf } from "./errors.ts";
import { createMetrics, type Metrics } from "./metrics/metrics.ts";
import { protocolNamed } from "./protocols/negotiate.ts";
import { localPubsub } from "./pubsub/local.ts";
import type { Pubsub } from "./pubsub/pubsub.ts";
import type { Controller } from "./rpc/controller.ts";
import { disconnectQueue } from "./rpc/disconnect-queue.ts";
import { noController } from "./rpc/none.ts";
import { clientEnvOf } from "./rpc/request-env.ts";
import type { HeartbeatOptions } from "./session/heartbeat.ts";
import { untraced, type Tracing } from "./tracing/tracing.ts";
import type { Transport } from "./transports/transport.ts";

/** What an embedded server is made of. All but the transports have defaults. */
export interface ServerParts {
  /** How clients reach it; for WebSocket `websocketTransport` of `ropeway/websocket`. */
  readonly transports: readonly Transport[];
  /** Who is asked. Default: nobody, so that only what `identities` and `localChannels` allow is allowed. */
  readonly controller?: Controller;
  /** Asked in order before the controller is. Default: none. */
  readonly identities?: readonly Identity[];
  /** Channels that are answered here. Default: none. */
  readonly localChannels?: readonly LocalChannel[];
  /** Where publications come from, besides `publish`. Default: none. */
  readonly broadcasters?: readonly Broadcaster[];
  /** Joins servers to a cluster: `redisPubsub` of `ropeway/redis-pubsub`, for one. Default: this server is alone. */
  readonly pubsub?: Pubsub;
  /** Keeps what clients miss, their sessions, and who is there: `memoryBroker` of `ropeway/memory-broker`, for one. Default: nobody does. */
  readonly broker?: Broker;
  /** Whether anybody may be present in a stream. Default: yes, where the broker and the channel let them. */
  readonly allowsPresence?: (stream: string) => boolean;
  /** Lower-case names of the request headers that the controller gets to see. Default: `cookie`. */
  readonly proxiedHeaders?: readonly string[];
  /** Default: pings every 3 s, in seconds, without a limit for the answer. */
  readonly heartbeat?: Partial<HeartbeatOptions>;
  /** Default `auto`: the controller is told of the end of those sessions that it answered for. */
  readonly disconnectMode?: DisconnectMode;
  /** How long a client that can be restored has for coming back before the controller hears of its end, ms. Default 10,000; 0 = none. */
  readonly disconnectGraceMs?: number;
  /** Most subscriptions of one connection. Default 1,000. */
  readonly maxSubscriptions?: number;
  /** What one connection may send per second. Default: anything. */
  readonly rates?: Partial<Rates>;
  /** What all connections of an address may do together. Default: anything. */
  readonly addressLimits?: Partial<Omit<AddressLimitOptions, "rates">> & { readonly rates?: Partial<Rates> };
  /** Bytes that may wait for a client before it counts as too slow; 0 = any. Default 1 MiB. */
  readonly maxPendingBytes?: number;
  /** How long a write may take, ms; 0 = for ever. Default 2,000. */
  readonly writeTimeoutMs?: number;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Pass your own to read them. */
  readonly metrics?: Metrics;
  /** Who keeps a record of where time goes; for OpenTelemetry `openTelemetryTracing` of `ropeway/tracing`. Default: nobody. */
  readonly tracing?: Tracing;
  readonly clock?: Clock;
}

export interface Server {
  /**
   * Takes the upgrade requests to its transports' paths from an HTTP server that somebody else runs; all others are left alone. May be
   * called for several servers, before or after `start`.
   */
  attach(server: HttpServer): void;
  /** @throws when a part can't start; those before it are stopped again. */
  start(): Promise<void>;
  /** Says goodbye to all clients, tells the application and lets go of the HTTP servers, which stay open. Default deadline: 30 s. */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Sends `data`, as JSON, to the subscribers of `stream`. */
  publish(stream: string, data: unknown, options?: { readonly excludeSid?: string }): Promise<void>;
  /** Ends every connection with these identifiers. */
  disconnect(identifiers: string, options?: { readonly reconnect?: boolean }): Promise<void>;
  readonly metrics: Metrics;
}

/**
 * A server to embed: give it parts, attach it to an HTTP server, start it. Nothing is global, so a process can have several, each with
 * parts of its own.
 * @throws {CableError} `config.invalid_value` for a broker that does not go with the pubsub, and for either if another server has it.
 */
export function createServer(parts: ServerParts): Server {
  checkCluster(parts);
  const { clock = systemClock(), logger = silentLogger, metrics = createMetrics(), tracing = untraced, pubsub = localPubsub() } = parts;
  const controller = tracing.controller(parts.controller ?? noController());
  const { addressLimits: address } = parts;
  const proxied = { headers: parts.proxiedHeaders ?? ["cookie"], cookies: undefined };
  const cable = createCable({
    tracing,
    clock,
    logger,
    metrics,
    newSid: randomUUID,
    random: Math.random,
    protocolNamed,
    identities: parts.identities ?? [],
    localChannels: parts.localChannels ?? [],
    controller,
    clientEnv: (handshake) => clientEnvOf(handshake, proxied),
    pubsub,
    broadcasters: parts.broadcasters ?? [],
    disconnects: disconnectQueue({ controller, ratePerSecond: 0, clock, logger, metrics }),
    broker: parts.broker,
    allowsPresence: parts.allowsPresence,
    disconnectMode: parts.disconnectMode ?? "auto",
    disconnectGraceMs: parts.disconnectGraceMs ?? 10_000,
    heartbeat: { intervalMs: 3_000, precision: "s", pongTimeoutMs: 0, nativePings: false, ...parts.heartbeat },
    maxSubscriptions: parts.maxSubscriptions ?? 1_000,
    rates: ratesOf(parts.rates),
    addressLimits: AddressLimits.of({ connectsPerSecond: 0, connections: 0, ...address, rates: ratesOf(address?.rates) }, clock),
    maxPendingBytes: parts.maxPendingBytes ?? 1024 * 1024,
    writeTimeoutMs: parts.writeTimeoutMs ?? 2_000,
  });
  const routes = new RouteTable();
  for (const transport of parts.transports) transport.mount(routes, cable.accept, cable.admits);
  const attached = new Set<HttpServer>();
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const route = routes.find(request.url ?? "/");
    if (typeof route === "object") route.upgrade?.(request, socket, head);
  };

  return {
    metrics,
    attach(server) {
      attached.add(server);
      server.on("upgrade", upgrade);
    },
    start: () => startAll(cable.services),
    async stop({ timeoutMs = 30_000 } = {}) {
      for (const server of attached) server.off("upgrade", upgrade);
      attached.clear();
      await stopAll(cable.services, AbortSignal.timeout(timeoutMs), ({ name }, error) =>
        logger.error("A part did not stop as it should", { part: name, error: messageOf(error) }),
      );
    },
    async publish(stream, data, { excludeSid } = {}) {
      const json = JSON.stringify(data) ?? "null";
      const receivedAtMs = clock.monotonicMs();
      const trace = tracing.callersTrace?.();
      await cable.publish({
        stream,
        json,
        excludeSid,
        broadcastType: undefined,
        isTransient: false,
        receivedAtMs,
        ...(trace && { trace }),
      });
    },
    async disconnect(identifiers, { reconnect = false } = {}) {
      await pubsub.command({ command: "disconnect", identifiers, reconnect });
    },
  };
}

/** 0 = any number. */
function ratesOf(rates: Partial<Rates> = {}): Rates {
  return { commandsPerSecond: 0, bytesPerSecond: 0, whispersPerSecond: 0, ...rates };
}

/** Who talks to one server's clients can't talk to another's. */
const given = new WeakSet<Pubsub | Broker>();

/** What would lose publications without a word. */
function checkCluster({ broker, pubsub }: ServerParts): void {
  if (broker?.passesOnOver !== undefined && broker.passesOnOver !== pubsub) {
    const whose = pubsub === undefined ? "none" : "another";
    const why = `The broker ${broker.name} passes on what it stores over a pubsub, and the server was given ${whose}.`;
    throw new CableError("config.invalid_value", `${why} Give createServer the pubsub that the broker was made with.`);
  }
  for (const part of [broker, pubsub]) {
    if (part !== undefined && given.has(part)) {
      throw new CableError("config.invalid_value", `The part ${part.name} belongs to another server. Make one for each server.`);
    }
  }
  const isForOne = broker?.history?.scope === "node" && broker.history.lingerMs === undefined;
  if (isForOne && pubsub !== undefined) {
    const why = `The broker ${broker.name} was made for a server that is alone, and this one has a pubsub.`;
    throw new CableError("config.invalid_value", `${why} Make it with hearsOthers, or take one that all servers share.`);
  }
  for (const part of [broker, pubsub]) if (part !== undefined) given.add(part);
}
