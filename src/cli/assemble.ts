import { randomUUID } from "node:crypto";
import { tokenHeader, tokenInHeaders } from "../auth/jwt-token.ts";
import type { Clock } from "../clock.ts";
import type { Config, Listen } from "../config/config.ts";
import { healthHandler, readinessHandler, readinessOf, type ReadinessOptions } from "../http/health.ts";
import type { HttpListener } from "../http/listener.ts";
import { httpListeners } from "../http/listeners.ts";
import { originPolicy } from "../http/origin.ts";
import { trustedProxies } from "../http/proxies.ts";
import type { Routes } from "../http/routes.ts";
import { tlsFiles } from "../http/tls-files.ts";
import type { Service } from "../lifecycle.ts";
import { AddressLimits } from "../limits/address-limits.ts";
import type { Logger } from "../logger.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { chooseSubprotocol, protocolNamed } from "../protocols/negotiate.ts";
import type { Controller } from "../rpc/controller.ts";
import { disconnectQueue } from "../rpc/disconnect-queue.ts";
import { clientEnvOf } from "../rpc/request-env.ts";
import { createCable } from "../cable.ts";
import type { ClientEnv, Handshake } from "../transports/transport.ts";
import { websocketTransport } from "../transports/websocket.ts";
import { apiOf } from "./assemble-api.ts";
import { broadcastersOf } from "./assemble-broadcasters.ts";
import { betweenNodes, brokerOf, embeddedNatsOf, presenceRule } from "./assemble-cluster.ts";
import { identitiesOf, localChannelsOf } from "./assemble-auth.ts";
import { exportersOf, tracingOf } from "./assemble-observability.ts";
import { applicationOf } from "./assemble-rpc.ts";
import { headStart } from "./head-start.ts";

type Phase = "starting" | "running" | "stopping";

/** What the process gives to its parts. */
export interface Outside {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly version: string;
  readonly nodeId: string;
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
  const tls = config.server.tls && tlsFiles({ ...config.server.tls, clock, logger });
  const listeners = httpListeners({ logger, tls });
  const main = listeners.at(config.server.host, config.server.port);
  const listenerAt = (listen: Listen, host: string, port: string): HttpListener =>
    listen === "main" ? main : listeners.at(listen.host, listen.port, { host, port });

  const { tracing, services: recorders } = await tracingOf(config, outside);
  const { controller: application, parts: rpcParts } = await applicationOf(config, { ...outside, metrics });
  const controller = tracing?.controller(application) ?? application;
  const tracedListenerAt = (...address: Parameters<typeof listenerAt>): Routes => {
    const listener = listenerAt(...address);
    return tracing?.routes(listener) ?? listener;
  };
  const broadcasters = await broadcastersOf(config, {
    ...outside,
    metrics,
    routes: () => tracedListenerAt(config.broadcast.http.listen, "host", "http_broadcast_port"),
  });
  const identities = await identitiesOf(config, outside);
  const between = await betweenNodes(config, { ...outside, metrics });
  const { pubsub } = between;
  const broker = await brokerOf(config, between, { ...outside, metrics });
  const embedded = await embeddedNatsOf(config, outside);
  const readiness: ReadinessOptions = {
    clock,
    parts: [
      ...broadcasters.flatMap((broadcaster) => readinessOf(`broadcaster ${broadcaster.name}`, broadcaster)),
      ...readinessOf(`pubsub ${pubsub.name}`, pubsub),
      ...(broker ? readinessOf(`broker ${broker.name}`, broker) : []),
      ...(embedded ? readinessOf(embedded.name, embedded) : []),
      ...rpcParts,
      ...identities.parts,
    ],
    phase: outside.phase,
  };
  const api = apiOf(config, {
    ...outside,
    routes: (listen) => tracedListenerAt(listen, "api.host", "api_port"),
    metrics,
    broker,
    pubsub: pubsub.name,
    broadcasters,
    readiness,
  });
  const addressLimits = AddressLimits.of(config.limits.address, clock);
  const cable = createCable({
    clock,
    logger,
    metrics,
    newSid: randomUUID,
    random: Math.random,
    protocolNamed,
    identities: identities.asked,
    localChannels: localChannelsOf(config),
    controller,
    clientEnv: clientEnvFor(config, controller),
    pubsub,
    broker,
    allowsPresence: presenceRule(config.broker),
    broadcasters: [...broadcasters, ...api],
    disconnects: disconnectQueue({
      controller,
      ratePerSecond: config.disconnect.ratePerSecond,
      capacity: config.disconnect.backlog,
      concurrency: config.rpc.concurrency,
      clock,
      logger,
      metrics,
    }),
    disconnectGraceMs: config.disconnect.graceMs,
    disconnectMode: config.rpc.implementation === "none" ? "never" : config.disconnect.mode,
    heartbeat: {
      intervalMs: config.pings.intervalMs,
      precision: config.pings.timestampPrecision,
      pongTimeoutMs: config.pings.pongTimeoutMs,
      nativePings: config.pings.isNative,
    },
    maxSubscriptions: config.limits.maxSubscriptions,
    rates: config.limits.connection,
    addressLimits,
    maxPendingBytes: config.websocket.maxPendingBytes,
    writeTimeoutMs: config.websocket.writeTimeoutMs,
    tracing,
  });

  const { websocket, server } = config;
  websocketTransport({
    paths: websocket.paths,
    maxMessageBytes: websocket.maxMessageBytes,
    compression: websocket.isCompressed,
    maxConnections: server.maxConnections,
    // Writing the goodbye and hearing the answer to it take about as long as a write may.
    closeTimeoutMs: websocket.writeTimeoutMs > 0 ? websocket.writeTimeoutMs : 30_000,
    version: outside.version,
    checkOrigin: originPolicy({ allowedOrigins: server.allowedOrigins, logger }),
    proxies: server.trustedProxies.length > 0 ? trustedProxies(server.trustedProxies) : undefined,
    chooseSubprotocol,
    logger,
  }).mount(main, cable.accept, cable.admits);

  main.request(server.healthPath, healthHandler());
  if (server.readinessPath !== undefined) main.request(server.readinessPath, readinessHandler(readiness));
  const exporters = await exportersOf(config.metrics, {
    ...outside,
    metrics,
    routes: () => listenerAt(config.metrics.listen, "metrics_host", "metrics_port"),
  });
  // What others need comes first, so that it stops last.
  const services = [
    ...(embedded ? [embedded] : []),
    ...recorders,
    ...exporters,
    ...cable.services,
    ...(tls ? [tls] : []),
    headStart([...broadcasters, pubsub, ...(broker ? [broker] : [])], clock),
    ...listeners.all().map(stoppedSoon),
  ];
  return { services, main };
}

/** Requests take milliseconds. One that stalls must not use up the time in which clients and the application are told. */
const REQUESTS_MAY_TAKE_MS = 2_000;

function stoppedSoon(listener: HttpListener): Service {
  return {
    name: listener.name,
    start: () => listener.start(),
    stop: (deadline) => listener.stop(AbortSignal.any([deadline, AbortSignal.timeout(REQUESTS_MAY_TAKE_MS)])),
  };
}

const NO_ENV: ClientEnv = { url: "", headers: new Map() };

/** What sessions keep of their handshake; nothing when there is nobody to tell. */
function clientEnvFor({ rpc, auth: { jwt } }: Config, controller: Controller): (handshake: Handshake) => ClientEnv {
  if (!controller.needsEnv) return () => NO_ENV;
  const cookies = rpc.proxyCookies.length > 0 ? new Set(rpc.proxyCookies) : undefined;
  const plain = { headers: rpc.proxyHeaders, cookies };
  if (jwt === undefined) return (handshake) => clientEnvOf(handshake, plain);
  // The application may want to look into the token too, and finds it in the header however it came.
  const ofToken = tokenHeader(jwt.param);
  const withToken = { headers: [...new Set([...rpc.proxyHeaders, ofToken])], cookies };
  return (handshake) => {
    const header = (name: string): string | undefined => (name === ofToken ? tokenInHeaders(handshake, jwt.param) : handshake.header(name));
    return clientEnvOf({ url: handshake.url, remoteAddress: handshake.remoteAddress, header }, withToken);
  };
}
