import { noauthIdentity } from "../../src/auth/noauth.ts";
import { pubsubChannel } from "../../src/auth/pubsub-channel.ts";
import type { AcceptBroadcast } from "../../src/broadcasters/broadcaster.ts";
import type { Broker, StreamHistory } from "../../src/broker/broker.ts";
import { createCable } from "../../src/cable.ts";
import type { Clock } from "../../src/clock.ts";
import { startAll, stopAll, type Service } from "../../src/lifecycle.ts";
import type { Logger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { protocolNamed } from "../../src/protocols/negotiate.ts";
import type { Publication, StreamPosition } from "../../src/publications/publication.ts";
import type { Pubsub } from "../../src/pubsub/pubsub.ts";
import type { Accept } from "../../src/transports/transport.ts";
import type { Setting } from "./actions.ts";
import { pairsController, type Channel } from "./channels.ts";

export interface NodeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly newSid: () => string;
  readonly broker: Broker;
  readonly pubsub: Pubsub;
  readonly channels: readonly Channel[];
  readonly setting: Setting;
  /** Hears of what the history gives positions to. */
  readonly stored: (publication: Publication, position: StreamPosition) => void;
}

/** A node of Ropeway with everything that is between bytes and broker, and no network. */
export interface ModelNode {
  readonly accept: Accept;
  readonly publish: AcceptBroadcast;
  stop(): Promise<void>;
}

export async function startNode(options: NodeOptions): Promise<ModelNode> {
  const { broker, channels, setting, stored, ...parts } = options;
  let publish: AcceptBroadcast | undefined;
  const cable = createCable({
    ...parts,
    broker: {
      name: broker.name,
      history: broker.history && watched(broker.history, stored),
      sessions: broker.sessions,
      start: (listener) => broker.start(listener),
      stop: () => broker.stop(),
    },
    metrics: createMetrics(),
    protocolNamed,
    identities: [noauthIdentity],
    localChannels: [pubsubChannel({ name: "$pubsub", publicStreams: true, secrets: [], whisperInSigned: false })],
    controller: pairsController(channels),
    clientEnv: () => ({ url: "", headers: new Map() }),
    broadcasters: [
      {
        name: "model",
        reach: "one",
        start: async (accept) => void (publish = accept),
        stop: async () => {},
      },
    ],
    disconnects: { name: "disconnects", enqueue: () => {}, hurry: () => {}, stop: async () => {} },
    disconnectMode: "never",
    disconnectGraceMs: 0,
    heartbeat: { intervalMs: 0, precision: "s", pongTimeoutMs: 0, nativePings: false },
    maxSubscriptions: 1_000,
    rates: { commandsPerSecond: 0, bytesPerSecond: 0, whispersPerSecond: 0 },
    addressLimits: undefined,
    maxPendingBytes: setting.maxPendingBytes,
    writeTimeoutMs: setting.writeTimeoutMs,
  });
  // Nobody waits for what a node that ends has to say to its clients.
  const services: readonly Service[] = cable.services.filter(({ name }) => name !== "sessions");
  await startAll(services);
  return {
    accept: cable.accept,
    publish: publish!,
    stop: () => stopAll(services, AbortSignal.abort(), () => {}),
  };
}

/** The same history, which tells what it stores. */
function watched(history: StreamHistory, stored: NodeOptions["stored"]): StreamHistory {
  return {
    scope: history.scope,
    passesOn: history.passesOn,
    lingerMs: history.lingerMs,
    keeps: (stream) => history.keeps(stream),
    append(publication) {
      const position = history.append(publication);
      if (!(position instanceof Promise)) {
        stored(publication, position);
        return position;
      }
      return position.then((at) => {
        stored(publication, at);
        return at;
      });
    },
    head: (stream) => history.head(stream),
    after: (stream, position) => history.after(stream, position),
    since: (stream, second, isReturning) => history.since(stream, second, isReturning),
    ...(history.follow && { follow: (stream: string) => history.follow!(stream) }),
    ...(history.unfollow && { unfollow: (stream: string) => history.unfollow!(stream) }),
    ...(history.missed && { missed: () => history.missed!() }),
  };
}
