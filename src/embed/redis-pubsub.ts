import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import { redisPubsub as pubsub, type RedisAnnouncement } from "../pubsub/redis.ts";
import type { RedisOptions } from "../redis/open.ts";

export interface RedisPubsubOptions extends RedisOptions {
  /** Stands before all channels, so that applications that share a Redis don't hear each other. Default none, as in AnyCable. */
  readonly prefix?: string;
  /** Where nodes tell each other what concerns all of them, behind the prefix. Default `__anycable_internal__`, as in AnyCable. */
  readonly channel?: string;
  /** Channels that broadcasters listen to in this Redis, with their full names. All nodes have to say the same. Default `__anycable__`. */
  readonly reserved?: readonly string[];
  /**
   * `auto`: sharded pub/sub where Redis is a cluster of version 7 or newer, so that not every node of it gets every publication. Servers that
   * have it hear those that don't, AnyCable's among them, but those don't hear them. Default false.
   */
  readonly sharded?: "auto" | false;
  readonly logger?: Logger;
  /** Should be the server's own, so that what arrives broken is counted there. */
  readonly metrics?: Metrics;
}

export interface RedisPubsub extends Pubsub {
  /** For `redisBroker`, which has to agree. A function, so that nobody prints a password who prints this. */
  agreement(): RedisAgreement;
}

export interface RedisAgreement {
  readonly redis: RedisOptions;
  readonly prefix: string;
  readonly announcement: RedisAnnouncement;
}

/**
 * Joins servers that share a Redis, nodes of AnyCable 1.6 and of the `ropeway` command included. Redis may be away, at the start and later;
 * it is tried again for ever. Give it to one server alone.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisPubsub({
  prefix = "",
  channel = "__anycable_internal__",
  reserved = ["__anycable__"],
  sharded = false,
  logger = silentLogger,
  metrics = createMetrics(),
  ...redis
}: RedisPubsubOptions): RedisPubsub {
  const made = pubsub({ redis, channels: { prefix, internal: channel, reserved }, sharded, clock: systemClock(), logger, metrics });
  const { announcement } = made;
  return Object.assign(made, { agreement: () => ({ redis, prefix, announcement }) });
}
