/**
 * PORT: time. Everything that reads a clock or waits gets it from here, so that tests never sleep.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. May jump when the system clock is set. */
  nowMs(): number;
  /** Wall-clock time, nanoseconds since the Unix epoch, exact to the digit. */
  nowNs(): bigint;
  /** Milliseconds since an arbitrary start; never goes back. Deadlines are measured with it. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`, or after 24 days if that is longer. The timer alone does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

export interface Timer {
  /** Takes the task back; harmless when it has run already. */
  cancel(): void;
}

/** Node.js takes a longer delay for none at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's clocks. */
export function systemClock(): Clock {
  // hrtime counts from an arbitrary point: pinning it to the wall clock once makes it exact *and* steadily increasing.
  const originNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return {
    nowMs: Date.now,
    nowNs: () => originNs + process.hrtime.bigint(),
    monotonicMs: () => performance.now(),
    after(delayMs, task) {
      const handle = setTimeout(task, Math.min(delayMs, LONGEST_TIMER_MS));
      handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
