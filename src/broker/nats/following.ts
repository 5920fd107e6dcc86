import type { Clock } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import { seldom } from "../../internal/seldom.ts";
import type { Logger } from "../../logger.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import type { NatsClient, NatsMessage } from "../../nats/open.ts";
import { Subscriptions } from "../../nats/subscriptions.ts";
import type { Publication } from "../../publications/publication.ts";
import type { BrokerNames } from "./names.ts";
import { publicationOf } from "./reading.ts";
import type { HistoryStreams } from "./streams.ts";

export interface FollowingOptions {
  readonly names: BrokerNames;
  readonly streams: HistoryStreams;
  readonly deliver: (publication: Publication) => void;
  readonly missed: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Hears what JetStream stores, in the order in which it does: servers publish it once more, with its sequence. */
export class Following {
  readonly #options: FollowingOptions;
  readonly #subscriptions: Subscriptions;
  readonly #words = new Set<string>();
  readonly #tellOfBadMessage: (why: string) => void;

  constructor(options: FollowingOptions) {
    const { names, clock, logger } = options;
    this.#options = options;
    this.#subscriptions = new Subscriptions({
      subjectOf: (stream) => names.newsSubject(names.word(stream), "*"),
      received: (message, stream) => this.#received(message, stream),
      missed: options.missed,
      clock,
    });
    this.#tellOfBadMessage = seldom(clock, 60_000, (error, times) =>
      logger.warn("What JetStream passed on was not understood", { error, times }),
    );
  }

  follow(stream: string): Promise<void> | undefined {
    this.#words.add(this.#options.names.word(stream));
    return this.#subscriptions.want(stream);
  }

  unfollow(stream: string): void {
    this.#words.delete(this.#options.names.word(stream));
    this.#subscriptions.unwant(stream);
  }

  isFollowed(word: string): boolean {
    return this.#words.has(word);
  }

  /** Takes a new connection into use. */
  adopt(client: NatsClient): Promise<void> {
    return this.#subscriptions.adopt(client);
  }

  drop(): void {
    this.#subscriptions.drop();
    this.#words.clear();
  }

  /** Never throws: the library would stop reading. */
  #received(message: NatsMessage, stream: string): void {
    const { clock, streams, deliver, metrics } = this.#options;
    try {
      // Somebody wants to know whether the stream is in use.
      if (message.reply !== undefined && message.reply !== "") return void message.respond();
      const epoch = message.subject.slice(message.subject.lastIndexOf(".") + 1);
      const offset = Number(message.headers?.get("Nats-Sequence"));
      if (!Number.isSafeInteger(offset) || offset < 1) throw new TypeError("A publication without its sequence");
      const publication = publicationOf(message.string(), stream, clock.monotonicMs(), { epoch, offset });
      streams.heard(stream, epoch, offset);
      deliver(publication);
    } catch (error) {
      metrics.counters.failed_pubsub_msg_total++;
      this.#tellOfBadMessage(messageOf(error));
    }
  }
}
