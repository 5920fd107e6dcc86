import type { Clock } from "../clock.ts";
import { CableError } from "../errors.ts";
import { Cancellation, type CallSignal } from "../internal/cancellation.ts";
import { around, type Call } from "./around.ts";
import type { Controller } from "./controller.ts";

export interface TimeLimitOptions {
  readonly clock: Clock;
  /** Longest time for a call, milliseconds; more than 0. */
  readonly limitMs: number;
  /** The option that sets it, for the error. */
  readonly option: string;
}

/** Why a signal fired that is not the client's: `signal.reason` of calls that ran out of time. */
const OUT_OF_TIME: unique symbol = Symbol("out of time");

/** Whether the signal of a call that was given up fired because a limit around it was over. */
export function isOutOfTime(signal: CallSignal): boolean {
  return signal.reason === OUT_OF_TIME;
}

/** Gives a call up when it takes too long: it rejects with `rpc.timeout`, which says what it was waiting for. */
export function timeLimited(controller: Controller, { clock, limitMs, option }: TimeLimitOptions): Controller {
  return around(controller, async <Answer>(call: Call<Answer>, signal: CallSignal) => {
    const limit = new Cancellation();
    const follow = (): void => limit.abort(signal.reason);
    let isOver = false;
    const timer = clock.after(limitMs, () => {
      isOver = true;
      limit.abort(OUT_OF_TIME);
    });
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow);
    try {
      return await call(limit);
    } catch (error) {
      if (!isOver || !(error instanceof CableError) || error.code !== "rpc.canceled") throw error;
      throw new CableError("rpc.timeout", `no answer within the ${limitMs} ms of ${option}; ${error.message}`, { cause: error });
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", follow);
    }
  });
}
