import type { Broker } from "../broker/broker.ts";
import { keeping, type KeepingOptions } from "../broker/keeping.ts";
import { redisBroker as broker } from "../broker/redis/redis.ts";
import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import type { RedisOptions } from "../redis/open.ts";
import type { RedisPubsub } from "./redis-pubsub.ts";

export type { StreamKeeping } from "../broker/keeping.ts";

export type RedisBrokerOptions = RedisBrokerPlace & KeepingOptions & { readonly logger?: Logger };

/** Where it keeps things. */
export type RedisBrokerPlace =
  /**
   * In the Redis of this pubsub of `ropeway/redis-pubsub`, under its prefix, and passed on over it in the step that stores them. The server
   * has to be given the same pubsub.
   */
  | { readonly pubsub: RedisPubsub }
  /** For a server without a pubsub, or with another. `prefix` stands before all keys. Default none. */
  | (RedisOptions & { readonly prefix?: string; readonly pubsub?: undefined });

/**
 * Keeps history, sessions and presence in Redis 6.2 or newer, or Valkey, for all servers that use it with the same prefix. Redis may be
 * away, at the start and later; it is tried again for ever. Give it to one server alone.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  const { logger = silentLogger } = options;
  const { longestTtlMs: _, ...kept } = keeping(options);
  const shared = { ...kept, clock: systemClock(), logger };
  if (options.pubsub === undefined) return broker({ ...shared, redis: options, prefix: options.prefix });
  const { redis, prefix, announcement } = options.pubsub.agreement();
  return Object.assign(broker({ ...shared, redis, prefix, announce: announcement }), { passesOnOver: options.pubsub });
}
