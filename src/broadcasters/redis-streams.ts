import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { unblock, unlessLost, type RedisClient } from "../redis/client.ts";
import { openRedis, type OpenedRedis, type RedisOptions } from "../redis/open.ts";
import type { AcceptBroadcast, Broadcaster } from "./broadcaster.ts";
import { StreamAcks } from "./redis-stream-acks.ts";
import { StreamConsumer } from "./redis-stream-consumer.ts";
import { rejectedStream, StreamGroup } from "./redis-stream-group.ts";

export interface RedisStreamsBroadcasterOptions {
  readonly redis: RedisOptions;
  /** AnyCable's default is `__anycable__`. */
  readonly stream: string;
  /** The consumer group. AnyCable's default is `bx`. */
  readonly group: string;
  /** This process, among the consumers of the group; MUST be another one each time a process starts. */
  readonly consumer: string;
  /** Milliseconds for which one look for entries waits. AnyCable's default is 2,000; more than `claimAfterMs` counts as that. */
  readonly blockMs: number;
  /** Milliseconds without a sign of life after which an entry of another node is taken over. Default 5,000. */
  readonly claimAfterMs?: number;
  /** Milliseconds of silence after which a consumer that has nothing left to do is taken out of the group. Default one hour. */
  readonly deadAfterMs?: number;
  /** A longer payload is put aside. */
  readonly maxBodyBytes: number;
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jitter of the back-off: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see RedisOpening */
  readonly pingIntervalMs?: number;
}

/**
 * Takes publications from a Redis stream (`XADD __anycable__ * payload …`; Redis ≥ 6.2), as AnyCable's `redisx` does: one node of the
 * group handles each. An entry is acknowledged and deleted once it is stored and passed on; until then it is tried again for ever, before
 * anything newer, and another node takes it over when this one is gone. So all are delivered at least once; twice only if a node dies, or
 * loses Redis, between passing on and acknowledging. What can never be handled goes to the stream `{<stream>}:rejected`.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisStreamsBroadcaster(options: RedisStreamsBroadcasterOptions): Broadcaster {
  return new RedisStreamsBroadcaster(options);
}

/** A connection that is silent for long is taken for dead, so nothing may block it for longer. */
const mostBlockMs = 5_000;
const mostStopMs = 5_000;

class RedisStreamsBroadcaster implements Broadcaster {
  readonly name = "redisx";
  readonly reach = "one";
  readonly #options: RedisStreamsBroadcasterOptions;
  readonly #logger: Logger;
  readonly #redis: OpenedRedis;
  readonly #acks = new StreamAcks();
  #accept: AcceptBroadcast | undefined;
  /** The consumer on the connection in use, and how to end what it waits for. */
  #current: { readonly consumer: StreamConsumer; readonly interrupt: (signal: AbortSignal) => Promise<void> } | undefined;
  /** Resolves when all consumers have ended: each begins when the one before it has. */
  #ended: Promise<void> = Promise.resolve();
  #isTold = false;

  constructor(options: RedisStreamsBroadcasterOptions) {
    this.#options = options;
    this.#redis = openRedis({ ...options, key: options.stream, usesDatabase: true, prepare: (client) => this.#prepare(client) });
    this.#logger = options.logger.child({ redis: this.#redis.display, stream: options.stream });
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#accept = accept;
    this.#redis.start();
  }

  async stop(): Promise<void> {
    this.#accept = undefined;
    const current = this.#current;
    this.#current = undefined;
    current?.consumer.stop();
    const interruption = new AbortController();
    // Where that is not allowed, what blocks ends by itself soon.
    if (current?.consumer.isBlocked) current.interrupt(interruption.signal).catch(() => {});
    await this.#endedInTime();
    interruption.abort();
    this.#redis.stop();
  }

  /** A Redis that does not answer is not waited for. */
  #endedInTime(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(mostStopMs, resolve);
      void this.#ended.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  state(): RemoteState {
    const { isConnected, sinceMs, server, problem } = this.#redis.state;
    const { display } = this.#redis;
    const isOnlyOne = server === undefined || display.replace(/^\w+:\/\//, "") === server;
    const target = isOnlyOne ? display : `${display}, at ${server}`;
    return { isConnected, isRequired: this.#options.isRequired, sinceMs, target, problem };
  }

  async #prepare(client: RedisClient): Promise<void> {
    const accept = this.#accept;
    const { stream, claimAfterMs = 5_000, deadAfterMs = 3_600_000, blockMs, random = Math.random } = this.#options;
    const group = new StreamGroup(client, this.#options);
    await group.create();
    const id: unknown = await client.sendCommand(["CLIENT", "ID"]).catch(unlessLost);
    if (accept === undefined) return;
    this.#current?.consumer.stop();
    const most = Math.min(blockMs, mostBlockMs, this.#options.pingIntervalMs ?? mostBlockMs);
    const consumer = new StreamConsumer({
      ...this.#options,
      group,
      accept,
      acks: this.#acks,
      blockMs: most,
      claimAfterMs,
      deadAfterMs,
      random,
      logger: this.#logger,
    });
    const interrupt = async (signal: AbortSignal): Promise<void> => {
      if (typeof id === "number") await unblock(client, id, signal);
    };
    this.#current = { consumer, interrupt };
    this.#ended = this.#run(client, group, consumer, this.#ended);
    if (this.#isTold) return;
    this.#isTold = true;
    this.#logger.info("Taking publications from a Redis stream", { group: this.#options.group, rejected: rejectedStream(stream) });
  }

  /** Never rejects. */
  async #run(client: RedisClient, group: StreamGroup, consumer: StreamConsumer, before: Promise<void>): Promise<void> {
    await before;
    try {
      await this.#acks.use(group);
      await consumer.run();
    } catch (error) {
      this.#logger.debug("Reading the Redis stream ended", { error: messageOf(error) });
      this.#redis.giveUp(client, error);
    }
  }
}
