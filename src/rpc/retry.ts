import type { Clock } from "../clock.ts";
import { CableError } from "../errors.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { around, type Call } from "./around.ts";
import type { Controller, ControllerErrorCode } from "./controller.ts";

export interface RetryOptions {
  readonly clock: Clock;
  /** At least 0, less than 1. Spreads the attempts of many clients. */
  readonly random: () => number;
  readonly metrics: Metrics;
  /** How long a call may take with all its attempts, milliseconds, so that pauses can be made to fit. Default: any time. */
  readonly patienceMs?: number;
}

/**
 * `rpc.unavailable`, and known to stay so: nothing is asked before `forMs` milliseconds are over, and a call that can't wait so long fails at
 * once. `undefined` = for how long is not known.
 */
export class UnavailableForNow extends CableError {
  readonly forMs: number | undefined;

  constructor(message: string, forMs: number | undefined) {
    super("rpc.unavailable", message);
    this.forMs = forMs;
  }
}

/** First pause after each failure that may pass, as AnyCable has it. It doubles as long as the failure stays the same. */
const firstPauseMs: Partial<Record<ControllerErrorCode, number>> = { "rpc.unavailable": 100, "rpc.exhausted": 10 };
const MAX_PAUSE_MS = 5_000;
/** Pauses that are cut to fit don't get shorter than this. */
const MIN_CUT_PAUSE_MS = 100;

/**
 * Makes a call again while the application can't be reached or has no capacity, until the signal fires: put a time limit around it. The
 * application may have carried out an attempt whose answer was lost, so it can see a command twice, as with AnyCable.
 */
export function retrying(controller: Controller, options: RetryOptions): Controller {
  const { clock, patienceMs = Infinity } = options;
  return around(controller, async <Answer>(call: Call<Answer>, signal: CallSignal) => {
    const untilMs = clock.monotonicMs() + patienceMs;
    let kind: string | undefined;
    let pauseMs = 0;
    let earlier: CableError | undefined;
    for (;;) {
      try {
        return await call(signal);
      } catch (error) {
        const firstMs = error instanceof CableError ? firstPauseMs[error.code as ControllerErrorCode] : undefined;
        if (firstMs === undefined) throw earlier === undefined ? error : behind(earlier, error);
        earlier = error as CableError;
        const { code } = earlier;
        const leftMs = untilMs - clock.monotonicMs();
        const lastsMs = error instanceof UnavailableForNow ? error.forMs : undefined;
        if (lastsMs !== undefined && lastsMs >= leftMs) throw error;
        pauseMs = code === kind ? Math.min(2 * pauseMs, MAX_PAUSE_MS) : firstMs;
        kind = code;
        // A fifth up or down. Towards the end attempts come closer again: whoever waits must not miss the application's return by a pause
        // that is longer than what is left.
        const spreadMs = pauseMs * (0.8 + 0.4 * options.random());
        await pause(clock, lastsMs ?? Math.min(spreadMs, Math.max(leftMs / 2, MIN_CUT_PAUSE_MS)), signal, earlier);
        options.metrics.counters.rpc_retries_total++;
      }
    }
  });
}

/** An attempt that was cut short does not know by itself what the call was waiting for. */
function behind(earlier: CableError, error: unknown): unknown {
  if (!(error instanceof CableError) || error.code !== "rpc.canceled") return error;
  return new CableError(error.code, `${error.message}; the attempt before: ${earlier.message}`, { cause: error });
}

/** Rejects with `rpc.canceled` when the signal fires; `why` is what the pause was for. */
function pause(clock: Clock, delayMs: number, signal: CallSignal, why: CableError): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      timer.cancel();
      reject(new CableError("rpc.canceled", `the call was given up before another attempt; the last one: ${why.message}`, { cause: why }));
    };
    const timer = clock.after(delayMs, () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    });
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
  });
}
