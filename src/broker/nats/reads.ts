import type { Clock } from "../../clock.ts";
import type { StreamPosition } from "../../publications/publication.ts";
import type { HistoryAnswer } from "../broker.ts";
import type { Directory } from "./directory.ts";
import type { FoundHistory } from "./history-shape.ts";
import type { JetStream } from "./jetstream.ts";
import { Reading, type KeptMessage } from "./reading.ts";
import type { HistoryStreams } from "./streams.ts";

export interface HistoryReadsOptions {
  readonly streams: HistoryStreams;
  readonly directory: Directory;
  /** @throws {Error} when NATS is away. */
  readonly jetStream: () => JetStream;
  readonly clock: Clock;
}

/** What somebody wants to know of a stream. */
export interface Question<Answer> {
  /** The first message that the answer needs; undefined: none. */
  needs(reading: Reading): number | undefined;
  answer(reading: Reading): Answer;
}

export const headQuestion: Question<StreamPosition | undefined> = { needs: () => undefined, answer: (reading) => reading.head };

export function afterQuestion(position: StreamPosition): Question<HistoryAnswer> {
  return { needs: (reading) => reading.neededAfter(position), answer: (reading) => reading.after(position) };
}

export function sinceQuestion(second: number, isReturning: boolean): Question<HistoryAnswer> {
  return { needs: (reading) => reading.neededSince(second), answer: (reading) => reading.since(second, isReturning) };
}

interface Ask {
  readonly question: Question<unknown>;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

/** A stream that drops old messages faster than they can be read. */
const mostTries = 5;
const mostAtOnce = 256;

/**
 * Reads streams, each once for all who ask in the same turn, and while a reading is on its way the next one waits for it: when thousands come
 * back at once they share a few. A reading that began before somebody asked is never shared: what is published in between would be in neither
 * its answer nor what that client hears live.
 */
export class HistoryReads {
  readonly #options: HistoryReadsOptions;
  readonly #waiting = new Map<string, Ask[]>();
  readonly #reading = new Set<string>();
  #isDue = false;

  constructor(options: HistoryReadsOptions) {
    this.#options = options;
  }

  /** Rejects with what NATS, or the lack of it, has to say. */
  ask<Answer>(stream: string, question: Question<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asks = this.#waiting.get(stream) ?? [];
      this.#waiting.set(stream, asks);
      asks.push({ question, resolve, reject });
      if (this.#isDue) return;
      this.#isDue = true;
      setImmediate(() => {
        this.#isDue = false;
        for (const each of this.#waiting.keys()) this.#next(each);
      });
    });
  }

  #next(stream: string): void {
    const asks = this.#waiting.get(stream);
    if (asks === undefined || this.#reading.has(stream)) return;
    this.#waiting.delete(stream);
    this.#reading.add(stream);
    void this.#carryOut(stream, asks).finally(() => {
      this.#reading.delete(stream);
      this.#next(stream);
    });
  }

  async #carryOut(stream: string, asks: readonly Ask[]): Promise<void> {
    let reading: Reading;
    try {
      reading = await this.#read(stream, asks);
    } catch (error) {
      for (const { reject } of asks) reject(error);
      return;
    }
    for (const { question, resolve, reject } of asks) {
      try {
        resolve(question.answer(reading) as never);
      } catch (error) {
        reject(error);
      }
    }
  }

  async #read(stream: string, asks: readonly Ask[]): Promise<Reading> {
    const js = this.#options.jetStream();
    for (let tries = 0; tries < mostTries; tries++) {
      const { reading, history } = await this.#look(js, stream);
      const needed = asks.map(({ question }) => question.needs(reading)).filter((from) => from !== undefined);
      if (history === undefined || needed.length === 0) return reading;
      const from = Math.min(...needed);
      const messages = await readRange(js, history.name, from, history.lastSequence);
      if (messages === undefined) continue;
      reading.take(messages);
      return reading;
    }
    throw new Error("the stream changes too fast to be read");
  }

  async #look(js: JetStream, stream: string): Promise<{ readonly reading: Reading; readonly history: FoundHistory | undefined }> {
    const { streams, directory, clock } = this.#options;
    const { history, lostMs } = await streams.find(js, stream);
    const known = {
      beganMs: directory.beganMs,
      lostMs,
      nowMs: clock.nowMs(),
      history,
    };
    return { reading: new Reading(stream, known, clock.monotonicMs()), history };
  }
}

/**
 * All messages from a sequence to another; undefined when one has been dropped meanwhile. Asked for one by one, all at once: a consumer costs
 * the server more, and in a cluster it may be given to a server that has just died.
 */
async function readRange(js: JetStream, name: string, from: number, to: number): Promise<readonly KeptMessage[] | undefined> {
  const messages: KeptMessage[] = [];
  for (let first = from; first <= to; first += mostAtOnce) {
    const sequences = Array.from({ length: Math.min(mostAtOnce, to - first + 1) }, (_, index) => first + index);
    const read = await Promise.all(sequences.map((sequence) => js.at(name, sequence)));
    for (const message of read) {
      if (message === undefined) return undefined;
      messages.push({ sequence: message.revision, atMs: message.atMs, text: message.text });
    }
  }
  return messages;
}
