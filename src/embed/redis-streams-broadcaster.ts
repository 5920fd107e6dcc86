import { randomUUID } from "node:crypto";
import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import { redisStreamsBroadcaster as broadcaster } from "../broadcasters/redis-streams.ts";
import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { RedisOptions } from "../redis/open.ts";

export interface RedisStreamsBroadcasterOptions extends RedisOptions {
  /** Default `__anycable__`, as in AnyCable. */
  readonly stream?: string;
  /** The consumer group: each entry goes to one server of it. Default `bx`, as in AnyCable. */
  readonly group?: string;
  /** A longer payload is put aside. Default 8 MiB. */
  readonly maxBodyBytes?: number;
  readonly logger?: Logger;
  /** Should be the server's own, so that its entries are counted there. */
  readonly metrics?: Metrics;
}

/**
 * Takes publications from a Redis stream, as AnyCable's libraries send them with the adapter `redisx`: one server handles each, which is
 * acknowledged when it is stored and passed on, and what one server does not finish another one takes over. So with several servers each
 * needs a `pubsub`. Redis ≥ 6.2, or Valkey; it may be away, and is tried again for ever.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisStreamsBroadcaster({
  stream = "__anycable__",
  group = "bx",
  maxBodyBytes = 8 * 1024 * 1024,
  logger = silentLogger,
  metrics = createMetrics(),
  ...redis
}: RedisStreamsBroadcasterOptions): Broadcaster {
  const shared = { clock: systemClock(), logger, metrics };
  return broadcaster({ ...shared, redis, stream, group, consumer: randomUUID(), blockMs: 2_000, maxBodyBytes, isRequired: true });
}
