import type { Clock } from "../clock.ts";

/** How many things happened lately, and how many of them went wrong. Time passes in tenths of the span. */
export class RollingCounts {
  private readonly clock: Clock;
  private readonly slotMs: number;
  private readonly totals: number[];
  private readonly failed: number[];
  /** Slots since the clock's start: the one that is being filled. */
  private current: number;

  constructor(clock: Clock, spanMs: number) {
    this.clock = clock;
    this.slotMs = spanMs / SLOTS;
    this.totals = Array.from({ length: SLOTS }, () => 0);
    this.failed = Array.from({ length: SLOTS }, () => 0);
    this.current = this.slotNow();
  }

  get total(): number {
    this.forget();
    return sum(this.totals);
  }

  get failures(): number {
    this.forget();
    return sum(this.failed);
  }

  add(isFailure: boolean): void {
    this.forget();
    const slot = this.current % SLOTS;
    this.totals[slot]!++;
    if (isFailure) this.failed[slot]!++;
  }

  clear(): void {
    this.totals.fill(0);
    this.failed.fill(0);
  }

  private forget(): void {
    const now = this.slotNow();
    // A longer pause empties every slot, once.
    for (let slot = Math.max(this.current, now - SLOTS) + 1; slot <= now; slot++) {
      this.totals[slot % SLOTS] = 0;
      this.failed[slot % SLOTS] = 0;
    }
    this.current = now;
  }

  private slotNow(): number {
    return Math.floor(this.clock.monotonicMs() / this.slotMs);
  }
}

const SLOTS = 10;

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
