import { counters, histograms, type CounterName, type HistogramName } from "./definitions.ts";
import { processGauges, type Gauges } from "./process-gauges.ts";

/**
 * The numbers of one server. The hot path only adds to plain fields; exporters read them when somebody asks.
 */
export interface Metrics {
  readonly counters: Record<CounterName, number>;
  /** Read when asked for; each part registers its own, those of the process are there already. One that nobody registered reads 0. */
  readonly gauges: Gauges;
  readonly histograms: Readonly<Record<HistogramName, Histogram>>;
}

/** Cumulative counts per bucket, as Prometheus wants them. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Per bound, plus one for everything above; not cumulative. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }
}

export function createMetrics(): Metrics {
  return {
    counters: Object.fromEntries(Object.keys(counters).map((name) => [name, 0])) as Record<CounterName, number>,
    gauges: processGauges(),
    histograms: Object.fromEntries(Object.entries(histograms).map(([name, { buckets }]) => [name, new Histogram(buckets)])) as Record<
      HistogramName,
      Histogram
    >,
  };
}
