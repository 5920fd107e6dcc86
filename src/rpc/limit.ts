import { CableError } from "../errors.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { around, type Call } from "./around.ts";
import type { Controller } from "./controller.ts";

export interface LimitOptions {
  /**
   * Calls at the same time. Default 28 (`rpc_concurrency`), two fewer than the threads that an AnyCable Ruby server has by default. More
   * than the application can work on at once only moves the waiting there, where a client that has gone still holds its place.
   */
  readonly concurrency?: number;
  readonly metrics: Metrics;
}

export const DEFAULT_CONCURRENCY = 28;

/** Lets a bounded number of calls run; the others wait, first come, first served. One whose signal fires leaves the line at once. */
export function limited(controller: Controller, options: LimitOptions): Controller {
  const slots = new Slots(options.concurrency ?? DEFAULT_CONCURRENCY);
  options.metrics.gauges.rpc_pending_num = () => slots.waiting;
  return around(controller, async <Answer>(call: Call<Answer>, signal: CallSignal) => {
    if (!slots.take()) await slots.wait(signal);
    try {
      return await call(signal);
    } finally {
      slots.giveBack();
    }
  });
}

class Slots {
  /** How many wait for one. */
  waiting = 0;
  private free: number;
  /** The line is a ring of links with this one between its end and its beginning, so that leaving it from anywhere costs the same. */
  private readonly ends = new Link();

  constructor(count: number) {
    this.free = count;
  }

  take(): boolean {
    if (this.free === 0) return false;
    this.free--;
    return true;
  }

  /** Resolves when the caller has a slot. Rejects with `rpc.canceled` when the signal fires before that. */
  wait(signal: CallSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new CableError("rpc.canceled", "the call was given up before it was made"));
        return;
      }
      const waiter = new Waiter(signal, resolve, () => {
        this.waiting--;
        reject(new CableError("rpc.canceled", `the call was given up while it waited for one of the slots of rpc_concurrency`));
      });
      waiter.insertBefore(this.ends);
      signal.addEventListener("abort", waiter);
      this.waiting++;
    });
  }

  /** The slot goes straight to whoever waits longest. */
  giveBack(): void {
    const first = this.ends.next;
    if (first instanceof Waiter) {
      this.waiting--;
      first.admit();
    } else {
      this.free++;
    }
  }
}

class Link {
  next: Link = this;
  previous: Link = this;

  insertBefore(other: Link): void {
    this.next = other;
    this.previous = other.previous;
    other.previous.next = this;
    other.previous = this;
  }

  remove(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
  }
}

class Waiter extends Link {
  private readonly signal: CallSignal;
  private readonly enter: () => void;
  private readonly leave: () => void;

  constructor(signal: CallSignal, enter: () => void, leave: () => void) {
    super();
    this.signal = signal;
    this.enter = enter;
    this.leave = leave;
  }

  admit(): void {
    this.remove();
    this.signal.removeEventListener("abort", this);
    this.enter();
  }

  /** The signal fired. */
  handleEvent(): void {
    this.remove();
    this.signal.removeEventListener("abort", this);
    this.leave();
  }
}
