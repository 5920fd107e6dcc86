import type { Clock, Timer } from "../../clock.ts";
import type { Publication, StreamPosition } from "../../publications/publication.ts";
import type { HistoryAnswer, StreamHistory } from "../broker.ts";
import { StreamLog, type StreamSettings } from "./stream-log.ts";

export interface MemoryHistoryOptions {
  /** Of a stream; asked each time, so it should be quick. */
  readonly settingsFor: (stream: string) => StreamSettings;
  /**
   * Other nodes publish too, and what they say arrives here only while somebody here listens. What is kept of a stream is then forgotten
   * when its last listener is let go, and for a time when nobody listened the answer is that it can't be known.
   */
  readonly hearsOthers: boolean;
  /** Longest time for which anything is kept, ms. */
  readonly longestTtlMs: number;
  /** Makes epochs; unguessable or not, but never the same twice. */
  readonly newEpoch: () => string;
  readonly clock: Clock;
}

/** A stream's offsets are remembered for so many times as long as its publications. Source: AnyCable 1.6.16. */
const REMEMBERED_TTLS = 10;
const SWEEP_MS = 1_000;
/** Streams looked at in one sweep, at least: all of them within half a minute. */
const SWEPT_AT_LEAST = 1_000;
const SWEEPS_FOR_ALL = 30;

/** History in this process: as fast as a list, and gone with the process. */
export class MemoryHistory implements StreamHistory {
  readonly scope = "node";
  readonly passesOn = false;
  readonly lingerMs: number | undefined;
  readonly #options: MemoryHistoryOptions;
  readonly #logs = new Map<string, StreamLog>();
  /** Streams with listeners, and since which second each is heard. */
  readonly #followed = new Map<string, number>();
  #beganAtSecond: number;
  /** Streams of which nothing is known any more had nothing newer than this. */
  #forgottenUpToSecond = -Infinity;
  #sweep: IterableIterator<[string, StreamLog]> | undefined;
  #timer: Timer | undefined;

  constructor(options: MemoryHistoryOptions) {
    this.#options = options;
    this.lingerMs = options.hearsOthers ? options.longestTtlMs : undefined;
    this.#beganAtSecond = secondOf(options.clock.nowMs());
  }

  start(): void {
    this.#sweepLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  keeps(stream: string): boolean {
    return this.#options.settingsFor(stream).limit > 0;
  }

  append(publication: Publication): StreamPosition {
    const nowMs = this.#options.clock.nowMs();
    const { stream } = publication;
    let log = this.#logs.get(stream);
    if (log === undefined) {
      log = new StreamLog(stream, this.#options.newEpoch(), this.#options.settingsFor(stream), nowMs, this.#forgottenUpToSecond);
      this.#logs.set(stream, log);
    }
    return log.append(publication, nowMs);
  }

  head(stream: string): StreamPosition | undefined {
    return this.#logs.get(stream)?.head;
  }

  after(stream: string, position: StreamPosition): HistoryAnswer {
    const log = this.#logs.get(stream);
    if (log === undefined) return { status: "gone", why: "nothing is known of this stream" };
    return log.after(position, this.#options.clock.nowMs());
  }

  since(stream: string, second: number, isReturning: boolean): HistoryAnswer {
    if (second < this.#knownSince(stream, isReturning)) {
      return { status: "gone", why: "what was published at that time is not known here" };
    }
    const log = this.#logs.get(stream);
    if (log !== undefined) return log.since(second, this.#options.clock.nowMs());
    if (second <= this.#forgottenUpToSecond) return { status: "gone", why: "publications of that time are not kept any more" };
    return { status: "complete", publications: [], head: undefined };
  }

  follow(stream: string): void {
    const nowMs = this.#options.clock.nowMs();
    this.#followed.set(stream, secondOf(nowMs));
    this.#logs.get(stream)?.touch(nowMs);
  }

  unfollow(stream: string): void {
    this.#followed.delete(stream);
    if (this.#options.hearsOthers) this.#logs.delete(stream);
    else this.#logs.get(stream)?.touch(this.#options.clock.nowMs());
  }

  missed(): void {
    const second = secondOf(this.#options.clock.nowMs());
    this.#beganAtSecond = second;
    this.#logs.clear();
    this.#sweep = undefined;
    for (const stream of this.#followed.keys()) this.#followed.set(stream, second);
  }

  /** From which second on it is certain that nothing is missing that was not dropped for its age or number. */
  #knownSince(stream: string, isReturning: boolean): number {
    if (this.#options.hearsOthers) return (this.#followed.get(stream) ?? Infinity) + 1;
    return isReturning ? this.#beganAtSecond + 1 : -Infinity;
  }

  #sweepLater(): void {
    this.#timer = this.#options.clock.after(SWEEP_MS, () => {
      this.#sweepSome();
      this.#sweepLater();
    });
  }

  /** A little at a time, so that very many streams stop nobody. */
  #sweepSome(): void {
    const nowMs = this.#options.clock.nowMs();
    const most = Math.max(SWEPT_AT_LEAST, Math.ceil(this.#logs.size / SWEEPS_FOR_ALL));
    this.#sweep ??= this.#logs.entries();
    for (let swept = 0; swept < most; swept++) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        return;
      }
      const [stream, log] = next.value;
      if (this.#followed.has(stream)) log.touch(nowMs);
      log.expire(nowMs);
      if (log.isForgotten(nowMs, REMEMBERED_TTLS * this.#options.settingsFor(stream).ttlMs)) {
        this.#forgottenUpToSecond = Math.max(this.#forgottenUpToSecond, log.newestSecond);
        this.#logs.delete(stream);
      }
    }
  }
}

function secondOf(nowMs: number): number {
  return Math.floor(nowMs / 1_000);
}
