import { setMaxListeners } from "node:events";
import type { Clock, Timer } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Controller, DisconnectRequest } from "./controller.ts";
import { Fifo } from "./fifo.ts";
import { DEFAULT_CONCURRENCY } from "./limit.ts";

export interface DisconnectQueueOptions {
  /** Who is told; retries are its own affair. */
  readonly controller: Controller;
  /**
   * Calls started per second (`disconnect_rate`). Default 100; 0 = as fast as `concurrency` allows. Any number will do, fractions too.
   * It spares the application when very many clients drop at once; clients that come back at the same time need it more.
   */
  readonly ratePerSecond?: number;
  /** Calls that may wait (`disconnect_backlog_size`). Default 4096. One more is dropped: the application never hears of that client's end. */
  readonly capacity?: number;
  /** Calls at the same time. Default 28, as for all calls. */
  readonly concurrency?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface DisconnectQueue extends Service {
  /** Sees to it that the application is told, later. Never blocks and never throws. */
  enqueue(request: DisconnectRequest): void;
  /** For the beginning of a shutdown, when everybody is going to go: from now on neither rate nor capacity count. */
  hurry(): void;
  /** Makes the calls that are due, without the rate limit, until the deadline. What is left then is dropped, and the log says how many. */
  stop(deadline: AbortSignal): Promise<void>;
}

/** Timers are late, and the queue makes up for it; but not for a process that stood still, and never for time in which nothing was due. */
const CATCH_UP_MS = 100;
/** Drops within this time are one line in the log. */
const BURST_MS = 1_000;

/** Tells the application of clients that have gone, at its leisure. Has a timer only while there is something to wait for. */
export function disconnectQueue(options: DisconnectQueueOptions): DisconnectQueue {
  return new Queue(options);
}

class Queue implements DisconnectQueue {
  readonly name = "disconnect queue";
  private readonly controller: Controller;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly metrics: Metrics;
  private readonly capacity: number;
  private readonly concurrency: number;
  /** Between the starts of two calls; 0 = no limit. */
  private intervalMs: number;
  private readonly waiting = new Fifo<DisconnectRequest>();
  private running = 0;
  private nextStartMs = -Infinity;
  private startTimer: Timer | undefined;
  private state: "serving" | "hurrying" | "stopped" = "serving";
  private readonly giveUp = new AbortController();
  private onIdle: () => void = () => {};
  private droppedLately = 0;
  private dropTimer: Timer | undefined;

  constructor(options: DisconnectQueueOptions) {
    const { ratePerSecond = 100, capacity = 4_096, concurrency = DEFAULT_CONCURRENCY } = options;
    this.controller = options.controller;
    this.clock = options.clock;
    this.logger = options.logger;
    this.metrics = options.metrics;
    this.capacity = capacity;
    this.concurrency = concurrency;
    this.intervalMs = ratePerSecond > 0 ? 1_000 / ratePerSecond : 0;
    // All calls share the signal, and many of them are nothing to warn of.
    setMaxListeners(0, this.giveUp.signal);
    this.metrics.gauges.disconnect_queue_size = () => this.waiting.size;
  }

  enqueue(request: DisconnectRequest): void {
    if (this.state === "stopped" || (this.state === "serving" && this.waiting.size >= this.capacity)) {
      this.dropOne();
      return;
    }
    this.waiting.push(request);
    this.startDue();
  }

  hurry(): void {
    if (this.state !== "serving") return;
    this.state = "hurrying";
    this.intervalMs = 0;
    this.startTimer?.cancel();
    this.startTimer = undefined;
    this.startDue();
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.hurry();
    await this.idle(deadline);
    this.state = "stopped";
    const dropped = this.waiting.size;
    this.waiting.clear();
    const unfinished = this.running;
    this.metrics.counters.disconnect_calls_dropped_total += dropped;
    this.logDrops();
    if (dropped + unfinished > 0) {
      this.logger.warn("shutdown deadline passed: the application was not told of every client's end", { dropped, unfinished });
    }
    this.giveUp.abort();
  }

  private idle(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (deadline.aborted || this.isIdle) {
        resolve();
        return;
      }
      const end = (): void => {
        deadline.removeEventListener("abort", end);
        this.onIdle = () => {};
        resolve();
      };
      this.onIdle = end;
      deadline.addEventListener("abort", end);
    });
  }

  private get isIdle(): boolean {
    return this.running === 0 && this.waiting.size === 0;
  }

  /** `creditMs`: for how much time without calls there may be calls now. */
  private startDue(creditMs = 0): void {
    if (this.startTimer) return;
    while (this.waiting.size > 0 && this.running < this.concurrency) {
      const nowMs = this.clock.monotonicMs();
      const waitMs = this.intervalMs === 0 ? 0 : this.nextStartMs - nowMs;
      if (waitMs > 0) {
        this.startTimer = this.clock.after(waitMs, () => {
          this.startTimer = undefined;
          this.startDue(CATCH_UP_MS);
        });
        return;
      }
      this.nextStartMs = Math.max(this.nextStartMs, nowMs - creditMs) + this.intervalMs;
      this.running++;
      void this.tell(this.waiting.shift()!);
    }
  }

  private async tell(request: DisconnectRequest): Promise<void> {
    try {
      await this.controller.disconnect(request, this.giveUp.signal);
    } catch (error) {
      // After the deadline it is in the summary.
      if (!this.giveUp.signal.aborted) {
        const code = error instanceof CableError ? error.code : undefined;
        this.logger.warn("disconnect call failed", { sid: request.sid, code, error: messageOf(error) });
      }
    }
    this.running--;
    this.startDue();
    if (this.isIdle) this.onIdle();
  }

  private dropOne(): void {
    this.metrics.counters.disconnect_calls_dropped_total++;
    this.droppedLately++;
    this.dropTimer ??= this.clock.after(BURST_MS, () => this.logDrops());
  }

  private logDrops(): void {
    this.dropTimer?.cancel();
    this.dropTimer = undefined;
    if (this.droppedLately === 0) return;
    this.logger.warn("disconnect queue is full: the application is not told of every client's end", {
      dropped: this.droppedLately,
      capacity: this.capacity,
    });
    this.droppedLately = 0;
  }
}
