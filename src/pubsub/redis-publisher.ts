import type { Clock } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import type { RedisClient } from "../redis/client.ts";
import type { RedisShards } from "./redis-shards.ts";

export interface RedisPublisherOptions {
  /** The connection to publish over, if there is one just now. */
  readonly client: () => RedisClient | undefined;
  readonly clock: Clock;
  /** How long an answer of Redis is waited for. */
  readonly mostWaitMs: number;
  /** Characters that may be on their way before more is refused: what a Redis that hangs may cost us. */
  readonly mostPending: number;
}

/** Publishes without waiting for one answer before the next command: Redis answers in order. */
export class RedisPublisher {
  readonly #options: RedisPublisherOptions;
  #pending = 0;

  constructor(options: RedisPublisherOptions) {
    this.#options = options;
  }

  /** Resolves when Redis has it. @throws {CableError} `publication.unavailable` */
  async publish(channel: string, text: string): Promise<void> {
    const client = this.#options.client();
    if (client === undefined) throw away();
    await this.#inTime(channel.length + text.length, () => client.sendCommand(["PUBLISH", channel, text]));
  }

  /** The same over the shards of a cluster. */
  async publishSharded(shards: RedisShards, channel: string, text: string): Promise<void> {
    if (this.#options.client() === undefined || !shards.hears(channel)) throw away();
    await this.#inTime(channel.length + text.length, () => shards.publish(channel, text));
  }

  async #inTime(size: number, send: () => Promise<unknown>): Promise<void> {
    const { mostPending, mostWaitMs, clock } = this.#options;
    if (this.#pending > mostPending) throw unavailable("Redis, which connects the nodes, is too slow");
    this.#pending += size;
    const answered = send().finally(() => (this.#pending -= size));
    await new Promise<void>((resolve, reject) => {
      const timer = clock.after(mostWaitMs, () =>
        reject(unavailable("Redis, which connects the nodes, did not answer; it may have got it")),
      );
      answered.then(
        () => {
          timer.cancel();
          resolve();
        },
        (error: unknown) => {
          timer.cancel();
          reject(unavailable(`Redis, which connects the nodes, did not take it: ${messageOf(error)}`, error));
        },
      );
    });
  }
}

function away(): CableError {
  return unavailable("Redis, which connects the nodes, is away");
}

function unavailable(why: string, cause?: unknown): CableError {
  return new CableError("publication.unavailable", `Not passed on to the other nodes: ${why}. Try again.`, { cause });
}
