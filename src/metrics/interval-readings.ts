import type { Clock, Timer } from "../clock.ts";
import { counters, gauges, histograms, memoryGauges, type CounterName, type GaugeName, type HistogramName } from "./definitions.ts";
import type { Metrics } from "./metrics.ts";

/** One number of one interval. A counter's is what it grew by; a gauge's is how it stands. */
export interface Reading {
  readonly name: string;
  readonly kind: "counter" | "gauge";
  /** Counters are whole numbers; gauges have at most three decimals. */
  readonly value: number;
}

/**
 * Reads what happened since the call before, sorted by name; the first call tells everything so far. A histogram becomes two counters,
 * `<name>_count` and `<name>_ms_sum`: with them whoever adds intervals or nodes up still gets a true average, which quantiles would not
 * allow.
 */
export function intervalReader(metrics: Metrics): () => readonly Reading[] {
  const sources: readonly (readonly [name: string, read: () => Omit<Reading, "name"> | undefined])[] = [
    ...(Object.keys(counters) as CounterName[]).map((name) => [name, growth(() => metrics.counters[name])] as const),
    ...(Object.keys(gauges) as GaugeName[]).map((name) => [name, () => standing(metrics.gauges[name]?.() ?? 0)] as const),
    ...(Object.keys(memoryGauges) as GaugeName[]).map((name) => [name, () => optional(metrics.gauges[name])] as const),
    ...(Object.keys(histograms) as HistogramName[]).flatMap((name) => {
      const { [name]: histogram } = metrics.histograms;
      const base = name.replace(/_seconds$/, "");
      return [
        [`${base}_count`, growth(() => histogram.counts.reduce((sum, count) => sum + count, 0))],
        // Rounded before the difference is taken, so that nothing gets lost however short an interval is.
        [`${base}_ms_sum`, growth(() => Math.round(histogram.sum * 1_000))],
      ] as const;
    }),
  ].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return () =>
    sources.flatMap(([name, read]) => {
      const reading = read();
      return reading === undefined ? [] : [{ name, ...reading }];
    });
}

function growth(read: () => number): () => Omit<Reading, "name"> {
  let last = 0;
  return () => {
    const now = read();
    const value = now - last;
    last = now;
    return { kind: "counter", value };
  };
}

function standing(value: number): Omit<Reading, "name"> {
  return { kind: "gauge", value: Math.round(value * 1_000) / 1_000 };
}

function optional(read: (() => number) | undefined): Omit<Reading, "name"> | undefined {
  return read && standing(read());
}

/** Runs `task` at every interval from now on, until cancelled. Late runs don't push back the ones after them. */
export function everyInterval(clock: Clock, intervalMs: number, task: () => void): Timer {
  let dueMs = clock.monotonicMs() + intervalMs;
  const wait = (): Timer => clock.after(Math.max(0, dueMs - clock.monotonicMs()), run);
  const run = (): void => {
    dueMs += intervalMs;
    // What was missed, as when the machine slept, is not made up for.
    if (dueMs <= clock.monotonicMs()) dueMs = clock.monotonicMs() + intervalMs;
    timer = wait();
    task();
  };
  let timer = wait();
  return { cancel: () => timer.cancel() };
}
