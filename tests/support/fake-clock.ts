import type { Clock } from "../../src/clock.ts";

/** A clock that only moves when told to. Wall clock and monotonic clock run together, from `startMs` and 0. */
export class FakeClock implements Clock {
  #elapsedMs = 0;
  readonly #startMs: number;
  readonly #tasks = new Set<{ readonly atMs: number; readonly task: () => void }>();

  constructor(startMs: number = 1_700_000_000_000) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  nowNs(): bigint {
    return BigInt(this.nowMs()) * 1_000_000n;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const entry = { atMs: this.#elapsedMs + delayMs, task };
    this.#tasks.add(entry);
    return { cancel: () => this.#tasks.delete(entry) };
  }

  /** How many timers are running. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** Time passes while nobody can act on it, as when the process is suspended; timers that became due run once, late. */
  jump(byMs: number): void {
    this.#elapsedMs += byMs;
    this.advance(0);
  }

  /** Lets time pass; what becomes due runs at its time, in order. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (;;) {
      const next = [...this.#tasks].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.#tasks.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs);
      next.task();
    }
    this.#elapsedMs = untilMs;
  }
}
