import type { Clock } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import { seldom } from "../internal/seldom.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { openNats, type NatsClient, type NatsOptions, type OpenedNats } from "../nats/open.ts";
import { Subscriptions } from "../nats/subscriptions.ts";
import { subjects, type Subjects, type SubjectsOptions } from "../nats/subjects.ts";
import { decodeMessage, encodeCommand, encodePublication } from "../publications/envelope.ts";
import type { Publication, RemoteCommand } from "../publications/publication.ts";
import { NatsPublisher } from "./nats-publisher.ts";
import type { Pubsub, PubsubSink } from "./pubsub.ts";

export interface NatsPubsubOptions {
  readonly nats: NatsOptions;
  /** What the subjects are called: all nodes have to agree. */
  readonly subjects: SubjectsOptions;
  /** Milliseconds for which NATS may take to answer. Default 5,000. */
  readonly publishTimeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jitter of the back-off, and the order of servers: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see NatsOpening */
  readonly pingIntervalMs?: number;
}

/**
 * Nodes that share a NATS: one server, or a cluster, without JetStream. Messages are those of AnyCable 1.6.16, and so are subjects as far as
 * those can be used, so that nodes of both understand each other. All nodes hear what one node publishes in the same order; what two nodes
 * publish may come in either order, and to some nodes in one and to others in the other.
 * @throws {CableError} `config.invalid_value`
 */
export function natsPubsub(options: NatsPubsubOptions): Pubsub {
  return new NatsPubsub(options);
}

class NatsPubsub implements Pubsub {
  readonly name = "nats";
  readonly #options: NatsPubsubOptions;
  readonly #logger: Logger;
  readonly #subjects: Subjects;
  readonly #nats: OpenedNats;
  readonly #subscriptions: Subscriptions;
  readonly #publisher: NatsPublisher;
  readonly #tellOfBadMessage: (why: string) => void;
  #sink: PubsubSink | undefined;

  constructor(options: NatsPubsubOptions) {
    const { clock, publishTimeoutMs: mostWaitMs = 5_000 } = options;
    this.#options = options;
    this.#subjects = subjects(options.subjects);
    this.#nats = openNats({
      ...options,
      isRequired: true,
      prepare: (client) => this.#prepare(client),
      onRefused: (subject, why) => this.#publisher.refused(subject, why),
    });
    this.#logger = options.logger.child({ nats: this.#nats.display });
    this.#subscriptions = new Subscriptions({
      subjectOf: (stream) => this.#subjects.subjectOf(stream),
      received: (message, stream) => this.#received(message.string(), stream),
      missed: () => this.#sink?.missed(),
      clock,
    });
    this.#publisher = new NatsPublisher({ client: () => this.#nats.client, clock, mostWaitMs, mostPending: 64 * 1024 * 1024 });
    this.#tellOfBadMessage = seldom(clock, 60_000, (why, times) =>
      this.#logger.warn("What came from another node was not understood", { error: why, times }),
    );
  }

  async start(sink: PubsubSink): Promise<void> {
    this.#sink = sink;
    this.#nats.start();
  }

  publish(publication: Publication): Promise<void> {
    return this.#publisher.publish(this.#subjects.subjectOf(publication.stream), encodePublication(publication));
  }

  command(command: RemoteCommand): Promise<void> {
    return this.#publisher.publish(this.#subjects.internal, encodeCommand(command));
  }

  subscribe(stream: string): Promise<void> | void {
    return this.#subscriptions.want(stream);
  }

  unsubscribe(stream: string): void {
    this.#subscriptions.unwant(stream);
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    this.#nats.stop();
    this.#subscriptions.drop();
  }

  state(): RemoteState {
    const { isConnected, sinceMs, problem } = this.#nats.state;
    return { isConnected, isRequired: true, sinceMs, target: this.#nats.display, problem };
  }

  async #prepare(client: NatsClient): Promise<void> {
    let refusal: Error | undefined;
    client.subscribe(this.#subjects.internal, {
      callback: (error, message) => {
        if (error === null) this.#received(message.string(), undefined);
        else refusal = error;
      },
    });
    await this.#subscriptions.adopt(client);
    if (refusal !== undefined) throw refusal;
  }

  /** Never throws: the library would stop reading. `stream`: whose subject it came by; undefined: the internal one. */
  #received(text: string, stream: string | undefined): void {
    try {
      const item = decodeMessage(text, this.#options.clock.monotonicMs());
      if (item === undefined) this.#bad("an unknown command");
      else if ("command" in item) this.#sink?.execute(item);
      else if (item.stream !== stream) this.#bad("a publication that came by the subject of another stream");
      else this.#sink?.deliver(item);
    } catch (error) {
      if (error instanceof CableError) this.#bad(error.message);
      else this.#logger.error("A message of another node could not be handled", { error: messageOf(error) });
    }
  }

  #bad(why: string): void {
    this.#options.metrics.counters.failed_pubsub_msg_total++;
    this.#tellOfBadMessage(why);
  }
}
