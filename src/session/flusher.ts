import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Outbox } from "./outbox.ts";
import { Run } from "./run.ts";

/**
 * Writes at the end of each turn of the event loop what its outboxes collected, each session once. No timer is involved: in an idle
 * server the end of the turn is now.
 */
export class Flusher {
  /** The run that every outbox of this turn starts from. */
  emptyRun: Run = Run.empty();
  #dirty: Outbox[] = [];
  /** When the publications of this turn arrived, for the latency histogram: observed once each, after the last write. */
  #arrivals: number[] = [];
  readonly #clock: Clock;
  readonly #metrics: Metrics;

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** `outbox` has something to write at the end of this turn. An outbox asks once per turn. */
  mark(outbox: Outbox): void {
    if (this.#dirty.push(outbox) === 1) setImmediate(this.#flush);
  }

  /** A publication that arrived at `receivedAtMs` has been put into outboxes. One that nobody was written is not observed. */
  observe(receivedAtMs: number): void {
    if (this.#dirty.length > 0) this.#arrivals.push(receivedAtMs);
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.emptyRun = Run.empty();
    for (const outbox of dirty) outbox.flush();
    if (this.#arrivals.length === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const histogram = this.#metrics.histograms.publication_delivery_seconds;
    for (const receivedAtMs of this.#arrivals) histogram.observe((nowMs - receivedAtMs) / 1_000);
    this.#arrivals = [];
  };
}
