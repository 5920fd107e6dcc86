import type { Clock } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import { seldom } from "../internal/seldom.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { decodeMessage, encodeCommand, encodePublication } from "../publications/envelope.ts";
import type { Publication, RemoteCommand } from "../publications/publication.ts";
import { channelNames, type ChannelNames, type ChannelNamesOptions } from "../redis/channel-names.ts";
import type { RedisClient } from "../redis/client.ts";
import { openRedis, type OpenedRedis, type RedisOptions } from "../redis/open.ts";
import type { Pubsub, PubsubSink } from "./pubsub.ts";
import { RedisPublisher } from "./redis-publisher.ts";
import { RedisShards } from "./redis-shards.ts";
import { plainKind, RedisSubscriptions } from "./redis-subscriptions.ts";

export interface RedisPubsubOptions {
  readonly redis: RedisOptions;
  /** What the channels are called: all nodes have to agree. */
  readonly channels: ChannelNamesOptions;
  /**
   * `auto`: sharded pub/sub where Redis is a cluster of version 7 or newer. Nodes with `auto` also hear what others say without it, but those
   * don't hear them: nodes of AnyCable, say. Default false.
   */
  readonly sharded?: "auto" | false;
  /** A longer message is not read but counted. Default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Milliseconds for which Redis may take to answer a publication. Default 5,000. */
  readonly publishTimeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jitter of the back-off: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see RedisOpening */
  readonly pingIntervalMs?: number;
}

/** How a broker in the same Redis passes on by itself what it stores; asked anew for each publication. */
export interface RedisAnnouncement {
  channelOf(stream: string): string;
  /** With SPUBLISH. The channel is then in the slot of the keys that the broker has for the stream. */
  readonly isSharded: boolean;
}

/**
 * Nodes that share a Redis: one server, what Sentinels call master, or a cluster. Channels and messages are those of AnyCable 1.6.16, so
 * that nodes of both understand each other. Two connections: one subscribes, one publishes; with sharded pub/sub two more for each master.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisPubsub(options: RedisPubsubOptions): Pubsub & { readonly announcement: RedisAnnouncement } {
  return new RedisPubsub(options);
}

class RedisPubsub implements Pubsub {
  readonly name = "redis";
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #maxMessageBytes: number;
  readonly #channels: ChannelNames;
  readonly #subscribing: OpenedRedis;
  readonly #publishing: OpenedRedis;
  readonly #subscriptions: RedisSubscriptions;
  readonly #publisher: RedisPublisher;
  /** Undefined when sharded pub/sub is not to be used. */
  readonly #shards: RedisShards | undefined;
  readonly #tellOfBadMessage: (why: string) => void;
  readonly announcement: RedisAnnouncement;
  #sink: PubsubSink | undefined;

  constructor(options: RedisPubsubOptions) {
    const { channels, maxMessageBytes = mebibytes(64), publishTimeoutMs = 5_000, sharded = false, clock, metrics } = options;
    const { random = Math.random, pingIntervalMs = 5_000 } = options;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#maxMessageBytes = maxMessageBytes;
    const names = channelNames(channels);
    this.#channels = names;
    const opening = { ...options, isRequired: true };
    this.#subscribing = openRedis({ ...opening, prepare: (client) => this.#subscriptions.adopt(client, [names.internal]) });
    this.#publishing = openRedis({
      ...opening,
      logger: options.logger.child({ connection: "publishing" }),
      prepare: async (client, endpoint, { mode }) => {
        if (mode === "cluster") await this.#shards?.learn(client, endpoint);
        else this.#shards?.leave();
      },
    });
    this.#logger = options.logger.child({ redis: this.#subscribing.display });
    const shared = {
      received: (message: Buffer) => this.#received(message),
      missed: () => this.#sink?.missed(),
      clock,
      logger: this.#logger,
    };
    this.#subscriptions = new RedisSubscriptions({ ...shared, kind: plainKind });
    const guide = (): RedisClient | undefined => this.#publishing.client;
    this.#shards =
      sharded === "auto"
        ? new RedisShards({ ...shared, redis: options.redis, guide, random, pingIntervalMs, timeoutMs: publishTimeoutMs })
        : undefined;
    const isSharded = (): boolean => this.#shards?.isInUse ?? false;
    this.announcement = {
      channelOf: (stream) => (isSharded() ? names.shardedChannelOf(stream) : names.channelOf(stream)),
      get isSharded() {
        return isSharded();
      },
    };
    this.#publisher = new RedisPublisher({
      // Who doesn't hear itself must not publish: its own clients would miss what was acknowledged.
      client: () => (this.#subscribing.state.isConnected ? this.#publishing.client : undefined),
      clock,
      mostWaitMs: publishTimeoutMs,
      mostPending: mebibytes(64),
    });
    this.#tellOfBadMessage = seldom(clock, 60_000, (why, times) =>
      this.#logger.warn("What came from another node was not understood", { error: why, times }),
    );
  }

  async start(sink: PubsubSink): Promise<void> {
    this.#sink = sink;
    this.#subscribing.start();
    this.#publishing.start();
  }

  publish(publication: Publication): Promise<void> {
    const { stream } = publication;
    const text = encodePublication(publication);
    if (this.#shards?.isInUse) return this.#publisher.publishSharded(this.#shards, this.#channels.shardedChannelOf(stream), text);
    return this.#publisher.publish(this.#channels.channelOf(stream), text);
  }

  command(command: RemoteCommand): Promise<void> {
    return this.#publisher.publish(this.#channels.internal, encodeCommand(command));
  }

  /** With sharded pub/sub both are subscribed to: nodes may differ in whether they use it, for as long as a change takes. */
  subscribe(stream: string): Promise<void> | void {
    const plain = this.#subscriptions.want(this.#channels.channelOf(stream));
    const sharded = this.#shards?.want(this.#channels.shardedChannelOf(stream));
    return plain === undefined || sharded === undefined ? (plain ?? sharded) : bothOf(plain, sharded);
  }

  unsubscribe(stream: string): void {
    this.#subscriptions.unwant(this.#channels.channelOf(stream));
    this.#shards?.unwant(this.#channels.shardedChannelOf(stream));
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    this.#subscribing.stop();
    this.#publishing.stop();
    this.#shards?.stop();
    this.#subscriptions.drop();
  }

  /** Of all connections the one that is worst off. */
  state(): RemoteState {
    const states = [this.#subscribing.state, this.#publishing.state, ...(this.#shards?.states ?? [])];
    const away = states.filter(({ isConnected }) => !isConnected);
    const [first, ...others] = (away.length > 0 ? away : states).toSorted((one, other) => one.sinceMs - other.sinceMs);
    // Away since the first went, and connected since the last came.
    const { isConnected, sinceMs, problem } = away.length > 0 ? first! : (others.at(-1) ?? first!);
    return { isConnected, isRequired: true, sinceMs, target: this.#subscribing.display, problem };
  }

  /** Never throws: node-redis would take that for a broken stream. */
  #received(message: Buffer): void {
    try {
      if (message.length > this.#maxMessageBytes) {
        throw new CableError(
          "publication.too_large",
          `A message of ${message.length} bytes is over the limit of ${this.#maxMessageBytes}.`,
        );
      }
      const item = decodeMessage(message.toString(), this.#clock.monotonicMs());
      if (item === undefined) this.#bad("an unknown command");
      else if ("command" in item) this.#sink?.execute(item);
      else this.#sink?.deliver(item);
    } catch (error) {
      if (error instanceof CableError) this.#bad(error.message);
      else this.#logger.error("A message of another node could not be handled", { error: messageOf(error) });
    }
  }

  #bad(why: string): void {
    this.#metrics.counters.failed_pubsub_msg_total++;
    this.#tellOfBadMessage(why);
  }
}

function mebibytes(count: number): number {
  return count * 1024 * 1024;
}

async function bothOf(one: Promise<void>, other: Promise<void>): Promise<void> {
  await Promise.all([one, other]);
}
