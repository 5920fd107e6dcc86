const BUCKETS_PER_MS = 50;
const LONGEST_MS = 30_000;

/** How long deliveries took, in buckets of 20 µs up to 30 s; longer ones count as 30 s. */
export class Latencies {
  readonly #buckets = new Uint32Array(LONGEST_MS * BUCKETS_PER_MS);
  #count = 0;

  add(latencyMs: number): void {
    const bucket = Math.min(this.#buckets.length - 1, (latencyMs * BUCKETS_PER_MS) | 0);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#count = 0;
  }

  /** Upper edge, in ms, of the bucket that holds the given share (0 to 1) of all deliveries. 0 when there were none. */
  percentileMs(share: number): number {
    const wanted = Math.ceil(this.#count * share);
    let seen = 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      seen += count;
      if (seen >= wanted && seen > 0) return (bucket + 1) / BUCKETS_PER_MS;
    }
    return 0;
  }
}
