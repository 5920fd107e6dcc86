import type { Clock, Timer } from "../clock.ts";

/** How exact deadlines are. Everything that is due in the same tick is done together, which also lets pings share their frame. */
const TICK_MS = 100;
/** A turn that comes later than this was held up: the process was suspended, or had too much to do. */
const HELD_UP_MS = 500;

/** Something with a deadline. It has at most one at a time. */
export interface WheelEntry {
  /** The wheel's own mark; others keep their hands off. */
  wheelTick: number;
  /** Called once at, or up to a tick after, the deadline. May schedule again. */
  due(nowMs: number): void;
}

/** One timer for the deadlines of all sessions. It rests when there are none. */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots = new Map<number, Set<WheelEntry>>();
  #handledTick = 0;
  #timer: Timer | undefined;
  #turnAtMs = 0;
  #wasHeldUp = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets the entry's deadline (Clock.monotonicMs), replacing the one it had. */
  schedule(entry: WheelEntry, atMs: number): void {
    if (this.#timer === undefined) {
      this.#handledTick = Math.floor(this.#clock.monotonicMs() / TICK_MS);
      this.#wait();
    }
    const tick = Math.max(Math.ceil(atMs / TICK_MS), this.#handledTick + 1);
    if (entry.wheelTick === tick) return;
    this.cancel(entry);
    let slot = this.#slots.get(tick);
    if (slot === undefined) this.#slots.set(tick, (slot = new Set()));
    slot.add(entry);
    entry.wheelTick = tick;
  }

  cancel(entry: WheelEntry): void {
    if (entry.wheelTick === 0) return;
    const slot = this.#slots.get(entry.wheelTick);
    if (slot?.delete(entry) && slot.size === 0) this.#slots.delete(entry.wheelTick);
    entry.wheelTick = 0;
  }

  #wait(): void {
    this.#turnAtMs = this.#clock.monotonicMs() + TICK_MS;
    this.#timer = this.#clock.after(TICK_MS, this.#turn);
  }

  readonly #turn = (): void => {
    const nowMs = this.#clock.monotonicMs();
    // Timers come before the network: the pongs and finished writes of that time are still to be heard, and it is us who were late.
    const isHeldUp = nowMs - this.#turnAtMs > HELD_UP_MS;
    if (isHeldUp && !this.#wasHeldUp) {
      this.#wasHeldUp = true;
      this.#wait();
      return;
    }
    this.#wasHeldUp = false;
    const currentTick = Math.floor(nowMs / TICK_MS);
    while (this.#handledTick < currentTick) {
      this.#handledTick++;
      const slot = this.#slots.get(this.#handledTick);
      if (slot === undefined) continue;
      this.#slots.delete(this.#handledTick);
      for (const entry of slot) {
        // Taken back or moved by one that was due just before it.
        if (entry.wheelTick !== this.#handledTick) continue;
        entry.wheelTick = 0;
        entry.due(nowMs);
      }
    }
    this.#timer = undefined;
    if (this.#slots.size > 0) this.#wait();
  };
}
