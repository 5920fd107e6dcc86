import { decodeMessage } from "../../publications/envelope.ts";
import type { Publication, StreamPosition } from "../../publications/publication.ts";
import type { HistoryAnswer } from "../broker.ts";

/** A stream's history at one moment. */
export interface HistoryState {
  readonly epoch: string;
  /** When this epoch began, Unix ms. */
  readonly createdMs: number;
  /** Sequence of the oldest message that is there; one more than the newest's when there is none. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** How many publications are kept. One more message is: the one that was dropped last, since it tells of what time something is missing. */
  readonly limit: number;
  /** Messages are dropped when they are so old. */
  readonly maxAgeMs: number;
  /** When limit and age were changed last, Unix ms; 0 = never. */
  readonly changedMs: number;
}

/** What is known of a stream at one moment. */
export interface StreamKnowledge {
  /** When the store began, Unix ms: whatever was before is lost. */
  readonly beganMs: number;
  /** Something published before may be lost of this stream, Unix ms. */
  readonly lostMs: number;
  readonly nowMs: number;
  /** undefined: there is none. */
  readonly history: HistoryState | undefined;
}

/** A message that is kept. */
export interface KeptMessage {
  readonly sequence: number;
  readonly atMs: number;
  readonly text: string;
}

/** For so long after its newest publication a stream is remembered at least: one that is not known has had none for so long. */
export const leastRememberedMs = 3_600_000;
/** By how much the clocks of nodes and NATS may differ without doing harm. */
const clockDifferenceMs = 1_000;

/** Answers what can be answered from what is known of a stream. Pure. */
export class Reading {
  readonly #stream: string;
  readonly #known: StreamKnowledge;
  readonly #receivedAtMs: number;
  #messages: readonly KeptMessage[] = [];
  readonly #decoded = new Map<KeptMessage, Publication>();

  constructor(stream: string, known: StreamKnowledge, receivedAtMs: number) {
    this.#stream = stream;
    this.#known = known;
    this.#receivedAtMs = receivedAtMs;
  }

  get head(): StreamPosition | undefined {
    const { history } = this.#known;
    if (history === undefined || history.lastSequence === 0) return undefined;
    return { epoch: history.epoch, offset: Math.max(history.lastSequence, this.#messages.at(-1)?.sequence ?? 0) };
  }

  /** From which message on an answer is made; undefined: none is needed. */
  neededAfter({ epoch, offset }: StreamPosition): number | undefined {
    const { history } = this.#known;
    if (history === undefined || this.#refusalAfter({ epoch, offset }) !== undefined) return undefined;
    return offset < history.lastSequence ? offset + 1 : undefined;
  }

  neededSince(second: number): number | undefined {
    const { history } = this.#known;
    if (history === undefined || history.lastSequence < history.firstSequence || history.lastMs < second * 1_000) return undefined;
    return this.#oldest(history);
  }

  /** Takes the messages that are needed, and all that come after them. */
  take(messages: readonly KeptMessage[]): void {
    this.#messages = messages;
  }

  after(position: StreamPosition): HistoryAnswer {
    const why = this.#refusalAfter(position);
    if (why !== undefined) return { status: "gone", why };
    return this.#complete(this.#messages.filter(({ sequence }) => sequence > position.offset));
  }

  since(second: number, isReturning: boolean): HistoryAnswer {
    const why = this.#refusalSince(second * 1_000, isReturning);
    if (why !== undefined) return { status: "gone", why };
    return this.#complete(this.#messages.filter(({ atMs }) => atMs >= second * 1_000));
  }

  #refusalAfter({ epoch, offset }: StreamPosition): string | undefined {
    const { history } = this.#known;
    if (history === undefined) return "nothing is remembered of the stream";
    if (history.epoch !== epoch) return "the position is of another epoch";
    if (offset > history.lastSequence) return "the position is beyond the newest publication";
    if (offset < this.#oldest(history) - 1) return "publications after the position are not kept any more";
    return undefined;
  }

  #refusalSince(sinceMs: number, isReturning: boolean): string | undefined {
    const { beganMs, lostMs, nowMs, history } = this.#known;
    if (isReturning && sinceMs < Math.max(beganMs, lostMs)) return "what was published at that time is not known any more";
    const forgottenUpToMs = (history?.createdMs ?? nowMs) - leastRememberedMs + clockDifferenceMs;
    if (isReturning && sinceMs < forgottenUpToMs) return "the stream may have been forgotten since";
    if (history === undefined || sinceMs > droppedUpToMs(history, nowMs)) return undefined;
    return "publications of that time are not kept any more";
  }

  #complete(messages: readonly KeptMessage[]): HistoryAnswer {
    return { status: "complete", publications: messages.map((message) => this.#publication(message)), head: this.head };
  }

  #publication(message: KeptMessage): Publication {
    let publication = this.#decoded.get(message);
    if (publication === undefined) {
      publication = publicationOf(message.text, this.#stream, this.#receivedAtMs, {
        epoch: this.#known.history!.epoch,
        offset: message.sequence,
      });
      this.#decoded.set(message, publication);
    }
    return publication;
  }

  #oldest({ firstSequence, lastSequence, limit }: HistoryState): number {
    return Math.max(firstSequence, lastSequence - limit + 1);
  }
}

/** @throws {CableError, TypeError} when it is no publication of this stream. */
export function publicationOf(text: string, stream: string, receivedAtMs: number, position: StreamPosition): Publication {
  const item = decodeMessage(text, receivedAtMs);
  if (item === undefined || "command" in item || item.stream !== stream) throw new TypeError("Not a publication of this stream");
  return { ...item, position };
}

/** Up to when something may have been published that is not kept any more; -Infinity: nothing was. */
function droppedUpToMs(history: HistoryState, nowMs: number): number {
  const { firstSequence, lastSequence, firstMs, lastMs, limit, maxAgeMs, changedMs } = history;
  const count = lastSequence - firstSequence + 1;
  // The message in front of those that count is the newest that was dropped for their number.
  if (count > limit) return firstMs;
  if (firstSequence <= 1) return -Infinity;
  // So few are there that younger ones have been dropped for their age since one was dropped for their number: but for a change of limits.
  const oldMs = Math.max(nowMs - maxAgeMs + clockDifferenceMs, changedMs);
  return Math.min(count === 0 ? lastMs : firstMs, oldMs);
}
