import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Outbox } from "./outbox.ts";
import { Run } from "./run.ts";

/**
 * Writes at the end of each turn of the event loop what its outboxes collected, each session once. No timer is involved: in an idle
 * server the end of the turn is now.
 */
export class Flusher {
  #emptyRun: Run | undefined;
  #isAwake = false;
  #turn = 0;
  #dirty: Outbox[] = [];
  /** When the publications of this turn arrived, for the latency histogram: observed once each, after the last write. */
  #arrivals: number[] = [];
  readonly #clock: Clock;
  readonly #metrics: Metrics;

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /**
   * The run that every outbox of this turn starts from. The turn ends it also when nobody can be written to: runs know what follows them,
   * so all that was ever sent would stay in memory.
   */
  get emptyRun(): Run {
    this.#wake();
    return (this.#emptyRun ??= Run.empty());
  }

  /** Changes at the end of each turn that somebody asks in, before anything is written there. */
  get turn(): number {
    this.#wake();
    return this.#turn;
  }

  /** `outbox` has something to write at the end of this turn. An outbox asks once per turn. */
  mark(outbox: Outbox): void {
    this.#wake();
    this.#dirty.push(outbox);
  }

  /** A publication that arrived at `receivedAtMs` has been put into outboxes. One that nobody was written is not observed. */
  observe(receivedAtMs: number): void {
    if (this.#dirty.length > 0) this.#arrivals.push(receivedAtMs);
  }

  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#isAwake = false;
    this.#turn++;
    this.#emptyRun = undefined;
    for (const outbox of dirty) outbox.flush();
    if (this.#arrivals.length === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const histogram = this.#metrics.histograms.publication_delivery_seconds;
    for (const receivedAtMs of this.#arrivals) histogram.observe((nowMs - receivedAtMs) / 1_000);
    this.#arrivals = [];
  };
}
