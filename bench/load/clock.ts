/**
 * One reading of the clock per chunk of network input: a saturated run checks more than a million messages a second, and those that came
 * in one read arrived together.
 */
export class ChunkClock {
  /** Milliseconds since an arbitrary start, as of the last `refresh`. */
  nowMs: number = performance.now();

  refresh(): number {
    this.nowMs = performance.now();
    return this.nowMs;
  }
}

/** Ends after `delayMs`. */
export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** Calls `due` `perSecond` times a second for as long as it returns true: late ones are made up for at once, none is left out. */
export function paced(perSecond: number, due: () => boolean): void {
  const startMs = performance.now();
  let made = 0;
  const tick = (): void => {
    const owed = Math.floor(((performance.now() - startMs) / 1_000) * perSecond) + 1;
    while (made < owed) {
      if (!due()) return;
      made += 1;
    }
    const nextMs = startMs + (made / perSecond) * 1_000;
    setTimeout(tick, Math.max(1, nextMs - performance.now()));
  };
  tick();
}
