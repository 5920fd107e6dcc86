import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import { redisPubsubBroadcaster as broadcaster } from "../broadcasters/redis-pubsub.ts";
import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import type { RedisOptions } from "../redis/open.ts";

export interface RedisBroadcasterOptions extends RedisOptions {
  /** Default `__anycable__`, as in AnyCable. All databases of a Redis share their channels. */
  readonly channel?: string;
  readonly logger?: Logger;
}

/**
 * Takes publications from a Redis channel, as AnyCable's libraries send them with the adapter `redis`. Redis may be away, at the start and
 * later; it is tried again for ever, and what is published meanwhile is lost.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisPubsubBroadcaster({
  channel = "__anycable__",
  logger = silentLogger,
  ...redis
}: RedisBroadcasterOptions): Broadcaster {
  return broadcaster({ redis, channel, isRequired: true, clock: systemClock(), logger });
}
