import type { Clock } from "../clock.ts";

/**
 * For log lines about what may happen thousands of times a second: `tell` is called for the first time at once, then at most every
 * `everyMs`, with how often it has happened since it was called before.
 */
export function seldom<About>(clock: Clock, everyMs: number, tell: (about: About, times: number) => void): (about: About) => void {
  let times = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return (about) => {
    times++;
    const nowMs = clock.monotonicMs();
    if (nowMs - toldAtMs < everyMs) return;
    toldAtMs = nowMs;
    const happened = times;
    times = 0;
    tell(about, happened);
  };
}
