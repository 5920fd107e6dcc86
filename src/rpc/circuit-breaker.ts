import type { Clock } from "../clock.ts";
import { CableError } from "../errors.ts";
import { RollingCounts } from "../internal/rolling-counts.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { around, type Call } from "./around.ts";
import type { Controller } from "./controller.ts";
import { UnavailableForNow } from "./retry.ts";
import { isOutOfTime } from "./time-limit.ts";

export interface CircuitBreakerOptions {
  /** What is broken while the circuit is open: `http rpc`. */
  readonly name: string;
  /** Which errors mean that nobody was there. All others are answers, and speak for the application. */
  readonly isFailure: (error: CableError) => boolean;
  /**
   * For how long there must have been too many failures before the circuit opens, milliseconds. Take what a call may take with all its
   * attempts: until then, callers wait for an application that restarts, and open circuits would turn them away.
   */
  readonly graceMs: number;
  /**
   * A call that had no answer for this long when its client went away counts as a failure, milliseconds: clients may lose patience before
   * time is up. One that ran out of time always does, except as a probe: it may have waited for the circuit until next to none was left.
   */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

// As in AnyCable. Its window starts anew every 10 s, ours rolls; it has no grace.
const WINDOW_MS = 10_000;
const MIN_CALLS = 10;
const FAILURE_RATIO = 0.8;
const OPEN_MS = 5_000;
const PROBES = 5;

type State =
  | { readonly name: "closed" }
  | { readonly name: "open"; readonly untilMs: number }
  | { readonly name: "half-open"; running: number; succeeded: number };

type Verdict = "success" | "failure" | "unknown";

/**
 * Spares an application that is not there, and the clients who ask for it. When of at least 10 calls in 10 s 80 % failed on the way, and that
 * does not change for `graceMs`, the circuit opens: for 5 s calls fail at once, with `rpc.unavailable`. Then 5 calls are let through as
 * probes; when they all get an answer the circuit closes, and when one fails it opens again.
 *
 * It belongs around single attempts, inside of retrying: a call that finds the circuit open, and may wait until it is tried again, does
 * wait, without asking; one that may not fails at once (see UnavailableForNow). So a restart of a few seconds costs clients time, not their
 * connection.
 */
export class CircuitBreaker {
  private readonly options: CircuitBreakerOptions;
  private readonly counts: RollingCounts;
  private state: State = { name: "closed" };
  /** Calls that began in another state say nothing about this one. */
  private generation = 0;
  private lastFailure = "";
  /** Since when too many calls fail, by when they began; undefined while enough get through. */
  private failingSinceMs: number | undefined;

  constructor(options: CircuitBreakerOptions) {
    this.options = options;
    this.counts = new RollingCounts(options.clock, WINDOW_MS);
    options.metrics.gauges.rpc_circuit_open = () => (this.isClosed ? 0 : 1);
  }

  get isClosed(): boolean {
    return this.state.name === "closed";
  }

  /** The controller with every call going through the circuit. */
  protect(controller: Controller): Controller {
    return {
      ...around(controller, (call, signal) => this.run(call, signal)),
      isReachable: () => this.isClosed && (controller.isReachable?.() ?? true),
    };
  }

  /** For the readiness page: what is wrong; undefined when nothing is. */
  get complaint(): string | undefined {
    return this.isClosed ? undefined : `calls fail at once (circuit ${this.state.name}); the last failure: ${this.lastFailure}`;
  }

  private async run<Answer>(call: Call<Answer>, signal: CallSignal): Promise<Answer> {
    const generation = this.enter();
    const startedMs = this.options.clock.monotonicMs();
    try {
      const answer = await call(signal);
      this.leave(generation, "success", startedMs);
      return answer;
    } catch (error) {
      this.leave(generation, this.judge(error, signal, startedMs), startedMs);
      throw error;
    }
  }

  private judge(error: unknown, signal: CallSignal, startedMs: number): Verdict {
    if (!(error instanceof CableError)) return "unknown";
    const isGivenUp = error.code === "rpc.canceled";
    const { clock, isFailure, patienceMs } = this.options;
    const wasPatient = (): boolean => clock.monotonicMs() - startedMs >= patienceMs;
    if (isGivenUp ? wasPatient() || (this.isClosed && isOutOfTime(signal)) : isFailure(error)) {
      this.lastFailure = error.message;
      return "failure";
    }
    return isGivenUp ? "unknown" : "success";
  }

  private enter(): number {
    if (this.state.name === "open") {
      const leftMs = this.state.untilMs - this.options.clock.monotonicMs();
      if (leftMs > 0) throw this.unavailable(leftMs);
      this.become({ name: "half-open", running: 0, succeeded: 0 });
    }
    if (this.state.name === "half-open") {
      if (this.state.running + this.state.succeeded >= PROBES) throw this.unavailable(undefined);
      this.state.running++;
    }
    return this.generation;
  }

  private leave(generation: number, verdict: Verdict, startedMs: number): void {
    if (generation !== this.generation) return;
    switch (this.state.name) {
      case "closed":
        if (verdict !== "unknown") this.count(verdict === "failure", startedMs);
        break;
      case "half-open":
        this.state.running--;
        if (verdict === "failure") this.open();
        else if (verdict === "success" && ++this.state.succeeded === PROBES) this.close();
        break;
      case "open":
        break;
    }
  }

  private count(isFailure: boolean, startedMs: number): void {
    this.counts.add(isFailure);
    const { total, failures } = this.counts;
    if (failures < FAILURE_RATIO * total) {
      this.failingSinceMs = undefined;
      return;
    }
    // The only call in the window is the first of its kind.
    if (total === 1) this.failingSinceMs = undefined;
    this.failingSinceMs ??= startedMs;
    const { clock, graceMs, logger, name } = this.options;
    if (!isFailure || total < MIN_CALLS || clock.monotonicMs() - this.failingSinceMs < graceMs) return;
    this.open();
    logger.warn("circuit open: the application does not answer, so calls to it fail at once", {
      name,
      calls: total,
      failures,
      error: this.lastFailure,
    });
  }

  private open(): void {
    this.counts.clear();
    this.failingSinceMs = undefined;
    this.become({ name: "open", untilMs: this.options.clock.monotonicMs() + OPEN_MS });
  }

  private close(): void {
    this.become({ name: "closed" });
    this.options.logger.info("circuit closed: the application answers again", { name: this.options.name });
  }

  private become(state: State): void {
    this.state = state;
    this.generation++;
  }

  private unavailable(leftMs: number | undefined): UnavailableForNow {
    const when = leftMs === undefined ? "it is being tried" : `it is tried again in ${(leftMs / 1_000).toFixed(1)} s`;
    return new UnavailableForNow(`${this.options.name} is temporarily unavailable: ${when}; the last failure: ${this.lastFailure}`, leftMs);
  }
}
