import type { Clock } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import { seldom } from "../internal/seldom.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { decodeMessage, encodeCommand, encodePublication } from "../publications/envelope.ts";
import type { Publication, RemoteCommand } from "../publications/publication.ts";
import { channelNames, type ChannelNames, type ChannelNamesOptions } from "../redis/channel-names.ts";
import { openRedis, type OpenedRedis, type RedisOptions } from "../redis/open.ts";
import type { Pubsub, PubsubSink } from "./pubsub.ts";
import { RedisPublisher } from "./redis-publisher.ts";
import { RedisSubscriptions } from "./redis-subscriptions.ts";

export interface RedisPubsubOptions {
  readonly redis: RedisOptions;
  /** What the channels are called: all nodes have to agree. */
  readonly channels: ChannelNamesOptions;
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

/**
 * Nodes that share a Redis: one server, what Sentinels call master, or a cluster. Channels and messages are those of AnyCable 1.6.16, so
 * that nodes of both understand each other. Two connections: one subscribes, one publishes.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisPubsub(options: RedisPubsubOptions): Pubsub {
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
  readonly #tellOfBadMessage: (why: string) => void;
  #sink: PubsubSink | undefined;

  constructor({ channels, maxMessageBytes = 64 * 1024 * 1024, publishTimeoutMs = 5_000, ...options }: RedisPubsubOptions) {
    const { clock, metrics } = options;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#maxMessageBytes = maxMessageBytes;
    this.#channels = channelNames(channels);
    const opening = { ...options, isRequired: true };
    this.#subscribing = openRedis({ ...opening, prepare: (client) => this.#subscriptions.adopt(client, this.#channels.internal) });
    this.#publishing = openRedis({ ...opening, logger: options.logger.child({ connection: "publishing" }), prepare: async () => {} });
    this.#logger = options.logger.child({ redis: this.#subscribing.display });
    this.#subscriptions = new RedisSubscriptions({
      received: (message) => this.#received(message),
      missed: () => this.#sink?.missed(),
      clock,
      logger: this.#logger,
    });
    this.#publisher = new RedisPublisher({
      // Who doesn't hear itself must not publish: its own clients would miss what was acknowledged.
      client: () => (this.#subscribing.state.isConnected ? this.#publishing.client : undefined),
      clock,
      mostWaitMs: publishTimeoutMs,
      mostPending: 64 * 1024 * 1024,
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
    return this.#publisher.publish(this.#channels.channelOf(publication.stream), encodePublication(publication));
  }

  command(command: RemoteCommand): Promise<void> {
    return this.#publisher.publish(this.#channels.internal, encodeCommand(command));
  }

  subscribe(stream: string): Promise<void> | void {
    return this.#subscriptions.want(this.#channels.channelOf(stream));
  }

  unsubscribe(stream: string): void {
    this.#subscriptions.unwant(this.#channels.channelOf(stream));
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    this.#subscribing.stop();
    this.#publishing.stop();
    this.#subscriptions.drop();
  }

  /** Of both connections the one that is worse off. */
  state(): RemoteState {
    const [one, other] = [this.#subscribing.state, this.#publishing.state];
    const worse = one.isConnected === other.isConnected ? (one.sinceMs >= other.sinceMs ? one : other) : one.isConnected ? other : one;
    return {
      isConnected: worse.isConnected,
      isRequired: true,
      sinceMs: worse.sinceMs,
      target: this.#subscribing.display,
      problem: worse.problem,
    };
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
