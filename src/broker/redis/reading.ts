import type { Publication, StreamPosition } from "../../publications/publication.ts";
import type { HistoryAnswer } from "../broker.ts";
import type { DecodedPublications } from "./decoded.ts";

/** What the read script says about a stream at one moment. */
export class Reading {
  readonly #stream: string;
  readonly #receivedAtMs: number;
  /** When the data set began, Unix ms; 0 when nobody wanted to know. */
  readonly #birthMs: number;
  /** Since when nothing was published that is not accounted for here. */
  readonly #knownMs: number;
  readonly #epoch: string | undefined;
  readonly #offset: number;
  /** When the newest came of those that are not kept any more; 0 = all are. */
  readonly #droppedMs: number;
  readonly #kept: number;
  /** The newest of those that are kept. */
  readonly #texts: readonly string[];
  readonly #decoded: DecodedPublications;
  /** By how many publications they have: many ask for the same. */
  readonly #answers = new Map<number, HistoryAnswer>();

  /** @throws {TypeError} when the reply is none of the script's. */
  constructor(stream: string, reply: unknown, receivedAtMs: number, decoded: DecodedPublications) {
    const [birth, known, epoch, offset = 0, dropped = 0, kept = 0, ...texts] = Array.isArray(reply) ? (reply as unknown[]) : [];
    const numbers = [birth, known, offset, dropped, kept].map(Number);
    if (numbers.some(Number.isNaN) || [epoch ?? "", ...texts].some((text) => typeof text !== "string"))
      throw new TypeError("Not what the script answers");
    this.#stream = stream;
    this.#decoded = decoded;
    this.#receivedAtMs = receivedAtMs;
    [this.#birthMs, this.#knownMs, this.#offset, this.#droppedMs, this.#kept] = numbers as [number, number, number, number, number];
    this.#epoch = epoch as string | undefined;
    this.#texts = texts as string[];
  }

  get head(): StreamPosition | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, offset: this.#offset };
  }

  after({ epoch, offset }: StreamPosition): HistoryAnswer {
    if (this.#epoch === undefined) return gone("nothing is remembered of the stream");
    if (epoch !== this.#epoch) return gone("the epoch has ended");
    if (offset > this.#offset) return gone("the position is beyond the newest publication");
    if (offset < this.#offset - this.#kept) return gone("publications after the position are not kept any more");
    return this.#last(this.#offset - offset);
  }

  since(second: number, isReturning: boolean): HistoryAnswer {
    const sinceMs = second * 1_000;
    // To one who was not here before, what was there before the data set is nothing.
    const accountedMs = isReturning ? sinceMs : Math.max(sinceMs, this.#birthMs);
    if (accountedMs < this.#knownMs) return gone("it is not known any more what was published then");
    if (this.#droppedMs >= accountedMs) return gone("publications of that second or later are not kept any more");
    const first = this.#texts.findIndex((text) => Number(text.slice(0, arrivalDigits)) >= sinceMs);
    return this.#last(first === -1 ? 0 : this.#texts.length - first);
  }

  #last(count: number): HistoryAnswer {
    const known = this.#answers.get(count);
    if (known !== undefined) return known;
    const from = this.#texts.length - count;
    const publications = this.#texts.slice(from).map((_, index) => this.#publication(from + index));
    const answer: HistoryAnswer = { status: "complete", publications, head: this.head };
    this.#answers.set(count, answer);
    return answer;
  }

  #publication(index: number): Publication {
    const position = { epoch: this.#epoch!, offset: this.#offset - this.#texts.length + index + 1 };
    return this.#decoded.publication(this.#texts[index]!.slice(arrivalDigits), this.#stream, position, this.#receivedAtMs);
  }
}

/** Before a stored publication stands when it came. */
const arrivalDigits = 13;

function gone(why: string): HistoryAnswer {
  return { status: "gone", why };
}
