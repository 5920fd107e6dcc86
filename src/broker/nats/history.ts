import type { Clock } from "../../clock.ts";
import { CableError } from "../../errors.ts";
import { encodePublication } from "../../publications/envelope.ts";
import type { Publication, StreamPosition } from "../../publications/publication.ts";
import type { HistoryAnswer, StreamHistory } from "../broker.ts";
import type { Directory, StreamSettings } from "./directory.ts";
import type { Following } from "./following.ts";
import type { JetStream } from "./jetstream.ts";
import { afterQuestion, headQuestion, HistoryReads, sinceQuestion, type Question } from "./reads.ts";
import type { HistoryStreams } from "./streams.ts";
import { brokerUnavailable, notStored } from "./unavailable.ts";

export interface NatsHistoryOptions {
  readonly streams: HistoryStreams;
  readonly directory: Directory;
  readonly following: Following;
  readonly settingsFor: (stream: string) => StreamSettings;
  /** @throws {Error} when NATS is away. */
  readonly jetStream: () => JetStream;
  readonly clock: Clock;
}

/** History in JetStream, which all nodes share: a JetStream stream for each stream and epoch. */
export class NatsHistory implements StreamHistory {
  readonly scope = "cluster";
  readonly passesOn = true;
  readonly #options: NatsHistoryOptions;
  readonly #reads: HistoryReads;

  constructor(options: NatsHistoryOptions) {
    this.#options = options;
    this.#reads = new HistoryReads(options);
  }

  keeps(stream: string): boolean {
    const { limit, ttlMs } = this.#options.settingsFor(stream);
    return limit > 0 && ttlMs > 0;
  }

  async append(publication: Publication): Promise<StreamPosition> {
    const { streams, jetStream } = this.#options;
    const { position: _, ...unplaced } = publication;
    const bytes = Buffer.from(encodePublication(unplaced));
    try {
      const js = jetStream();
      const mostBytes = js.client.info?.max_payload ?? Infinity;
      if (bytes.length > mostBytes) {
        throw new CableError(
          "publication.too_large",
          `Not stored: it takes ${bytes.length} bytes, and NATS takes ${mostBytes} at most (its max_payload).`,
        );
      }
      const { epoch, sequence } = await streams.append(js, publication.stream, bytes);
      return { epoch, offset: sequence };
    } catch (error) {
      throw error instanceof CableError ? error : notStored(error);
    }
  }

  head(stream: string): Promise<StreamPosition | undefined> {
    return this.#ask(stream, headQuestion);
  }

  async after(stream: string, position: StreamPosition): Promise<HistoryAnswer> {
    if (!Number.isSafeInteger(position.offset) || position.offset < 0) return { status: "gone", why: "there is no such position" };
    return this.#ask(stream, afterQuestion(position));
  }

  async since(stream: string, second: number, isReturning: boolean): Promise<HistoryAnswer> {
    if (!Number.isFinite(second)) return { status: "gone", why: "there is no such time" };
    return this.#ask(stream, sinceQuestion(second, isReturning));
  }

  follow(stream: string): Promise<void> | void {
    if (this.keeps(stream)) return this.#options.following.follow(stream);
  }

  unfollow(stream: string): void {
    this.#options.following.unfollow(stream);
  }

  async #ask<Answer>(stream: string, question: Question<Answer>): Promise<Answer> {
    try {
      return await this.#reads.ask(stream, question);
    } catch (error) {
      throw brokerUnavailable("the history", error);
    }
  }
}
