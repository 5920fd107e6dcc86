import { randomUUID } from "node:crypto";
import { noauthIdentity } from "../auth/noauth.ts";
import { pubsubChannel } from "../auth/pubsub-channel.ts";
import type { Broadcaster, BroadcasterState } from "../broadcasters/broadcaster.ts";
import { httpBroadcaster } from "../broadcasters/http.ts";
import type { Clock } from "../clock.ts";
import type { Config, Listen } from "../config/config.ts";
import { healthHandler, readinessHandler, type ReadinessPart } from "../http/health.ts";
import type { HttpListener } from "../http/listener.ts";
import { httpListeners } from "../http/listeners.ts";
import { originPolicy } from "../http/origin.ts";
import type { Routes } from "../http/routes.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { chooseSubprotocol, protocolNamed } from "../protocols/negotiate.ts";
import { localPubsub } from "../pubsub/local.ts";
import type { Controller } from "../rpc/controller.ts";
import { disconnectQueue } from "../rpc/disconnect-queue.ts";
import { guarded } from "../rpc/guard.ts";
import { noController } from "../rpc/none.ts";
import { clientEnvOf } from "../rpc/request-env.ts";
import { createCable } from "../server.ts";
import type { ClientEnv, Handshake } from "../transports/transport.ts";
import { websocketTransport } from "../transports/websocket.ts";

type Phase = "starting" | "running" | "stopping";

/** What the process gives to its parts. */
export interface Outside {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly version: string;
  /** For the readiness page. */
  readonly phase: () => Phase;
}

export interface Assembly {
  /** In order of start. */
  readonly services: readonly Service[];
  /** Where clients connect. */
  readonly main: HttpListener;
}

/**
 * Makes the server that a configuration describes. The only place that knows every adapter; those with a heavy library are only loaded
 * when the configuration asks for them, which saves up to a third of an idle process's memory.
 */
export async function assemble(config: Config, outside: Outside): Promise<Assembly> {
  const { logger, clock } = outside;
  const metrics = createMetrics();
  const listeners = httpListeners({ logger });
  const main = listeners.at(config.server.host, config.server.port);
  const listenerAt = (listen: Listen, host: string, port: string): HttpListener =>
    listen === "main" ? main : listeners.at(listen.host, listen.port, { host, port });

  const controller = await controllerOf(config, { ...outside, metrics });
  const broadcasters = await broadcastersOf(config, {
    ...outside,
    routes: () => listenerAt(config.broadcast.http.listen, "host", "http_broadcast_port"),
  });
  const cable = createCable({
    clock,
    logger,
    metrics,
    newSid: randomUUID,
    random: Math.random,
    protocolNamed,
    identities: config.server.isAuthSkipped ? [noauthIdentity] : [],
    localChannels: [pubsubChannel({ name: config.streams.pubsubChannel, publicStreams: config.streams.isPublic })],
    controller,
    clientEnv: clientEnvFor(config, controller),
    pubsub: localPubsub(),
    broadcasters,
    disconnects: disconnectQueue({
      controller,
      ratePerSecond: config.disconnect.ratePerSecond,
      capacity: config.disconnect.backlog,
      concurrency: config.rpc.concurrency,
      clock,
      logger,
      metrics,
    }),
    disconnectMode: config.rpc.implementation === "none" ? "never" : config.disconnect.mode,
    heartbeat: {
      intervalMs: config.pings.intervalMs,
      precision: config.pings.timestampPrecision,
      pongTimeoutMs: config.pings.pongTimeoutMs,
      nativePings: config.pings.isNative,
    },
    maxSubscriptions: config.limits.maxSubscriptions,
    maxPendingBytes: config.websocket.maxPendingBytes,
    writeTimeoutMs: config.websocket.writeTimeoutMs,
  });

  const { websocket, server } = config;
  websocketTransport({
    paths: websocket.paths,
    maxMessageBytes: websocket.maxMessageBytes,
    maxConnections: server.maxConnections,
    // Writing the goodbye and hearing the answer to it take about as long as a write may.
    closeTimeoutMs: websocket.writeTimeoutMs > 0 ? websocket.writeTimeoutMs : 30_000,
    version: outside.version,
    checkOrigin: originPolicy({ allowedOrigins: server.allowedOrigins, logger }),
    chooseSubprotocol,
    logger,
  }).mount(main, cable.accept);

  main.request(server.healthPath, healthHandler());
  if (server.readinessPath !== undefined) {
    const parts = [...broadcasters.flatMap(partOfBroadcaster), ...partOfController(config, controller)];
    main.request(server.readinessPath, readinessHandler({ clock, parts, phase: outside.phase }));
  }
  const { httpPath, listen, tags } = config.metrics;
  if (httpPath !== undefined) {
    const { metricsHandler } = await import("../metrics/prometheus.ts");
    listenerAt(listen, "metrics_host", "metrics_port").request(httpPath, metricsHandler(metrics, tags));
  }
  return { services: [...cable.services, ...listeners.all()], main };
}

async function controllerOf(config: Config, { logger, clock, metrics }: Outside & { readonly metrics: Metrics }): Promise<Controller> {
  const { rpc } = config;
  if (rpc.implementation === "none") return noController();
  const { grpcController } = await import("../rpc/grpc.ts");
  const grpc = grpcController({
    target: rpc.host,
    tls: rpc.tls && { verify: rpc.tls.verify, rootCa: rpc.tls.rootCa },
    maxReceiveBytes: rpc.maxReceiveBytes,
    maxSendBytes: rpc.maxSendBytes,
    logger,
    metrics,
  });
  return guarded(grpc, {
    clock,
    random: Math.random,
    metrics,
    concurrency: rpc.concurrency,
    commandTimeoutMs: rpc.commandTimeoutMs,
    requestTimeoutMs: rpc.requestTimeoutMs,
  });
}

function broadcastersOf(config: Config, { logger, clock, routes }: Outside & { readonly routes: () => Routes }): Promise<Broadcaster[]> {
  const { broadcast, redis, server } = config;
  return Promise.all(
    broadcast.adapters.map(async (adapter) => {
      switch (adapter) {
        case "http": {
          const { path, key, cors, maxBodyBytes } = broadcast.http;
          return httpBroadcaster({
            routes: routes(),
            path,
            key,
            corsOrigins: cors ? server.allowedOrigins : undefined,
            maxBodyBytes,
            logger,
          });
        }
        case "redis": {
          const { redisPubsubBroadcaster } = await import("../broadcasters/redis-pubsub.ts");
          const { url, tlsVerify, isRequired } = redis;
          return redisPubsubBroadcaster({ url, channel: broadcast.redisChannel, tlsVerify, isRequired, clock, logger });
        }
      }
    }),
  );
}

const NO_ENV: ClientEnv = { url: "", headers: new Map() };

/** What sessions keep of their handshake; nothing when there is nobody to tell. */
function clientEnvFor({ rpc }: Config, controller: Controller): (handshake: Handshake) => ClientEnv {
  if (!controller.needsEnv) return () => NO_ENV;
  const proxied = { headers: rpc.proxyHeaders, cookies: rpc.proxyCookies.length > 0 ? new Set(rpc.proxyCookies) : undefined };
  return (handshake) => clientEnvOf(handshake, proxied);
}

function partOfBroadcaster(broadcaster: Broadcaster): ReadinessPart[] {
  const state = (): BroadcasterState | undefined => broadcaster.state?.();
  if (!state()) return [];
  return [
    {
      name: `broadcaster ${broadcaster.name}`,
      isRequired: state()?.isRequired ?? false,
      check: () => ({ ok: state()?.isConnected ?? true, sinceMs: state()?.sinceMs, detail: state()?.target }),
    },
  ];
}

function partOfController(config: Config, controller: Controller): ReadinessPart[] {
  if (!controller.isReachable) return [];
  return [
    {
      name: "rpc",
      // Every node would lose it at the same time: taking them out of the load balancer would only turn slow clients into refused ones.
      isRequired: false,
      check: () => ({ ok: controller.isReachable?.() ?? true, detail: config.rpc.host }),
    },
  ];
}
