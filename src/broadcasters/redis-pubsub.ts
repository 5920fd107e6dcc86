import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { openRedis, type OpenedRedis, type RedisOptions } from "../redis/open.ts";
import type { AcceptBroadcast, Broadcaster } from "./broadcaster.ts";

export interface RedisPubsubBroadcasterOptions {
  readonly redis: RedisOptions;
  /** AnyCable's default is `__anycable__`. */
  readonly channel: string;
  /** False for a default address where there may be nothing: it is tried all the same, and readiness does not depend on it. */
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the back-off: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see RedisOpening */
  readonly pingIntervalMs?: number;
}

/**
 * Takes publications from a Redis channel, as `PUBLISH __anycable__ …` sends them. Every node hears all. What is published while Redis or
 * the connection is away is lost: that is the nature of Redis pub/sub. In a cluster one node is enough: they pass publications on.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisPubsubBroadcaster(options: RedisPubsubBroadcasterOptions): Broadcaster {
  return new RedisPubsubBroadcaster(options);
}

class RedisPubsubBroadcaster implements Broadcaster {
  readonly name = "redis";
  readonly reach = "every";
  readonly #isRequired: boolean;
  readonly #logger: Logger;
  readonly #redis: OpenedRedis;
  #accept: AcceptBroadcast | undefined;
  #isTold = false;

  constructor({ channel, ...options }: RedisPubsubBroadcasterOptions) {
    this.#isRequired = options.isRequired;
    this.#redis = openRedis({
      ...options,
      prepare: async (client) => {
        await client.subscribe(channel, (body) => this.#received(body));
        if (this.#isTold) return;
        this.#isTold = true;
        this.#logger.info("Taking publications from Redis", { channel });
      },
    });
    this.#logger = options.logger.child({ redis: this.#redis.display });
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#accept = accept;
    this.#redis.start();
  }

  async stop(): Promise<void> {
    this.#accept = undefined;
    this.#redis.stop();
  }

  state(): RemoteState {
    const { isConnected, sinceMs, server, problem } = this.#redis.state;
    const { display } = this.#redis;
    const isOnlyOne = server === undefined || display.replace(/^\w+:\/\//, "") === server;
    const target = isOnlyOne ? display : `${display}, at ${server}`;
    return { isConnected, isRequired: this.#isRequired, sinceMs, target, problem };
  }

  /** Never throws: node-redis would take that for a broken stream. */
  #received(body: string): void {
    try {
      const accepted = this.#accept?.(body);
      if (accepted) accepted.catch((error: unknown) => this.#refused(error));
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    this.#logger.warn("A publication from Redis was not accepted", { error: messageOf(error) });
  }
}
