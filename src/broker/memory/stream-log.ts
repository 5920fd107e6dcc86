import type { Publication, StreamPosition } from "../../publications/publication.ts";
import type { HistoryAnswer } from "../broker.ts";

export interface StreamSettings {
  /** Publications kept; 0 = none. */
  readonly limit: number;
  /** How long each is kept, ms. */
  readonly ttlMs: number;
}

/** What one stream remembers. Pure: time comes with each call. */
export class StreamLog {
  readonly epoch: string;
  readonly #stream: string;
  readonly #settings: StreamSettings;
  #offset = 0;
  #publications: Publication[] = [];
  /** Unix time of each publication. Beside it, since an object around both would be a tenth of what a small publication takes. */
  #seconds: number[] = [];
  /** Index of the oldest entry that is kept: those before it are cut off now and then, together. */
  #first = 0;
  #touchedAtMs: number;
  /** The newest second of which something is not kept any more. */
  #droppedUpToSecond: number;

  /** @param droppedUpToSecond what was published until then is not known, if anything was */
  constructor(stream: string, epoch: string, settings: StreamSettings, nowMs: number, droppedUpToSecond: number) {
    this.#droppedUpToSecond = droppedUpToSecond;
    this.#stream = stream;
    this.epoch = epoch;
    this.#settings = settings;
    this.#touchedAtMs = nowMs;
  }

  get head(): StreamPosition {
    return { epoch: this.epoch, offset: this.#offset };
  }

  get newestSecond(): number {
    return this.#seconds.at(-1) ?? this.#droppedUpToSecond;
  }

  /** Nothing was added for so long that whoever left then can't come back any more, and nothing is kept. */
  isForgotten(nowMs: number, afterMs: number): boolean {
    return nowMs - this.#touchedAtMs > afterMs;
  }

  /** It is in use: a stream that is heard is not forgotten. */
  touch(nowMs: number): void {
    this.#touchedAtMs = nowMs;
  }

  append(publication: Publication, nowMs: number): StreamPosition {
    const position: StreamPosition = { epoch: this.epoch, offset: ++this.#offset };
    this.#touchedAtMs = nowMs;
    this.#publications.push(this.#kept(publication, position));
    this.#seconds.push(Math.floor(nowMs / 1_000));
    if (this.#publications.length - this.#first > this.#settings.limit) this.#dropOldest();
    return position;
  }

  /** Lets go of what is too old. */
  expire(nowMs: number): void {
    const oldestSecond = Math.floor((nowMs - this.#settings.ttlMs) / 1_000);
    while (this.#first < this.#seconds.length && this.#seconds[this.#first]! < oldestSecond) this.#dropOldest();
    this.#cutOff(0);
  }

  after({ epoch, offset }: StreamPosition, nowMs: number): HistoryAnswer {
    this.expire(nowMs);
    if (epoch !== this.epoch) return { status: "gone", why: "the position is of another epoch" };
    if (offset > this.#offset) return { status: "gone", why: "the position is beyond the newest publication" };
    const oldest = this.#offset - (this.#publications.length - this.#first) + 1;
    if (offset < oldest - 1) return { status: "gone", why: "publications after the position are not kept any more" };
    return this.#from(this.#first + (offset - (oldest - 1)));
  }

  since(second: number, nowMs: number): HistoryAnswer {
    this.expire(nowMs);
    if (second <= this.#droppedUpToSecond) return { status: "gone", why: "publications of that time are not kept any more" };
    let at = this.#seconds.length;
    while (at > this.#first && this.#seconds[at - 1]! >= second) at--;
    return this.#from(at);
  }

  /** As small as it can be: with one copy of the stream's name, and in one piece, which a spread object is not. */
  #kept({ json, excludeSid, broadcastType, isTransient, receivedAtMs }: Publication, position: StreamPosition): Publication {
    return { stream: this.#stream, json, excludeSid, broadcastType, isTransient, receivedAtMs, position };
  }

  #from(index: number): HistoryAnswer {
    return { status: "complete", publications: this.#publications.slice(index), head: this.head };
  }

  #dropOldest(): void {
    this.#droppedUpToSecond = Math.max(this.#droppedUpToSecond, this.#seconds[this.#first]!);
    // Let go at once of what is large; the place is reused when enough have come together.
    this.#publications[this.#first] = DROPPED;
    this.#first++;
    this.#cutOff(this.#settings.limit);
  }

  #cutOff(tolerated: number): void {
    if (this.#first <= tolerated || this.#first === 0) return;
    this.#publications = this.#publications.slice(this.#first);
    this.#seconds = this.#seconds.slice(this.#first);
    this.#first = 0;
  }
}

const DROPPED: Publication = {
  stream: "",
  json: "null",
  excludeSid: undefined,
  broadcastType: undefined,
  isTransient: true,
  receivedAtMs: 0,
};
