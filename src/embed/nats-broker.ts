import type { Broker } from "../broker/broker.ts";
import { keeping, type KeepingOptions } from "../broker/keeping.ts";
import { natsBroker as broker } from "../broker/nats/nats.ts";
import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { checkPrefix } from "../nats/names.ts";
import type { NatsOptions } from "../nats/open.ts";

export type { StreamKeeping } from "../broker/keeping.ts";

export interface NatsBrokerOptions extends NatsOptions, KeepingOptions {
  /** Stands before the names of streams, buckets and subjects: letters, digits, - and _. Default none. */
  readonly prefix?: string;
  /** On how many servers of a NATS cluster everything is kept. Default 1. */
  readonly replicas?: number;
  readonly logger?: Logger;
  /** Should be the server's own, so that what arrives broken is counted there. */
  readonly metrics?: Metrics;
}

/**
 * Keeps history, sessions and presence in JetStream, of NATS 2.9 or newer, for all servers that use it with the same prefix, and passes on
 * what it stores by itself. What is not stored, and commands such as `disconnect`, need a pubsub: `natsPubsub` of `ropeway/nats-pubsub`.
 * NATS may be away, at the start and later; it is tried again for ever. Give it to one server alone.
 * @throws {CableError} `config.invalid_value`
 */
export function natsBroker(options: NatsBrokerOptions): Broker {
  const { prefix = "", replicas = 1, logger = silentLogger, metrics = createMetrics() } = options;
  checkPrefix(prefix);
  const { longestTtlMs: _, ...kept } = keeping(options);
  return broker({ ...kept, nats: options, prefix, replicas, clock: systemClock(), logger, metrics });
}
