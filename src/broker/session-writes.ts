import type { Clock, Timer } from "../clock.ts";
import type { Restorable } from "./broker.ts";

/** What is to be done to an entry. */
export type SessionWrite =
  /** As it is when it comes to be written. */
  | { readonly kind: "save"; readonly session: Restorable }
  /** As it was. `untilMs`: Clock.monotonicMs when the entry ends. */
  | { readonly kind: "leave"; readonly text: string; readonly untilMs: number }
  | { readonly kind: "forget" };

export interface SessionWritesOptions {
  /** Rejects when it could not be written. */
  readonly write: (sid: string, write: SessionWrite) => Promise<unknown>;
  /** Hears of failures, and of entries that were given up because there were too many. */
  readonly failed: (error: unknown) => void;
  readonly dropped: () => void;
  /** So many sessions wait at most. */
  readonly mostWaiting: number;
  readonly clock: Clock;
}

const retryMs = 250;
const mostAtOnce = 500;

/**
 * Changes that are on their way to the store: of each session the last one, in the order in which they were made, written at the end of the
 * turn, and again until it has worked.
 */
export class SessionWrites {
  readonly #options: SessionWritesOptions;
  readonly #waiting = new Map<string, SessionWrite>();
  readonly #underway = new Map<string, Promise<void>>();
  #isDue = false;
  #retry: Timer | undefined;

  constructor(options: SessionWritesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size + this.#underway.size;
  }

  add(sid: string, write: SessionWrite): void {
    // Nothing brings back what was forgotten.
    if (this.#waiting.get(sid)?.kind === "forget") return;
    this.#waiting.set(sid, write);
    if (this.#waiting.size > this.#options.mostWaiting) this.#dropOldest();
    if (this.#retry === undefined) this.#writeSoon();
  }

  /** Resolves when what was to be written about a session is written. Rejects when that has failed; it is tried again all the same. */
  async settled(sid: string): Promise<void> {
    while (this.#waiting.has(sid) || this.#underway.has(sid)) {
      await (this.#underway.get(sid) ?? this.#write(sid));
    }
  }

  /** Resolves when everything was tried once more. What has failed is given up. */
  async end(): Promise<void> {
    this.#cancelRetry();
    const sids = [...this.#waiting.keys(), ...this.#underway.keys()];
    await Promise.allSettled(sids.map((sid) => this.settled(sid)));
    this.#cancelRetry();
    this.#waiting.clear();
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  #writeAll(): void {
    let count = 0;
    for (const sid of this.#waiting.keys()) {
      if (this.#underway.has(sid)) continue;
      if (count++ === mostAtOnce) {
        this.#writeSoon();
        return;
      }
      this.#write(sid).catch(() => {});
    }
  }

  #writeSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#writeAll();
    });
  }

  #write(sid: string): Promise<void> {
    const write = this.#waiting.get(sid)!;
    this.#waiting.delete(sid);
    const written = this.#options.write(sid, write).then(
      () => {
        this.#underway.delete(sid);
        if (this.#waiting.has(sid) && this.#retry === undefined) void this.#write(sid).catch(() => {});
      },
      (error: unknown) => {
        this.#underway.delete(sid);
        const newer = this.#waiting.get(sid);
        if (newer === undefined || write.kind === "forget") this.#waiting.set(sid, write);
        this.#retryLater();
        this.#options.failed(error);
        throw error;
      },
    );
    this.#underway.set(sid, written);
    return written;
  }

  /** One shows whether the others may follow. */
  #retryLater(): void {
    this.#retry ??= this.#options.clock.after(retryMs, () => {
      this.#retry = undefined;
      const sid = [...this.#waiting.keys()].find((each) => !this.#underway.has(each));
      if (sid !== undefined)
        this.#write(sid).then(
          () => this.#writeAll(),
          () => {},
        );
    });
  }

  #dropOldest(): void {
    const [oldest] = this.#waiting.keys();
    this.#waiting.delete(oldest!);
    this.#options.dropped();
  }
}
