import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Controller } from "./controller.ts";
import { limited } from "./limit.ts";
import { measured } from "./measure.ts";
import { retrying } from "./retry.ts";
import { timeLimited } from "./time-limit.ts";

export interface GuardOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: Metrics;
  /** Calls at the same time (`rpc_concurrency`). Default 28; see LimitOptions. */
  readonly concurrency?: number;
  /**
   * Longest time for a whole call, milliseconds: waiting for a slot, all attempts and the pauses between them (`rpc_command_timeout`).
   * Default 3000. 0 = as long as the client stays, which lets clients hang when the application does: not for production.
   */
  readonly commandTimeoutMs?: number;
  /** Longest time for one attempt, milliseconds (`rpc_request_timeout`). An attempt that was too slow is not made again. Default 0 = none. */
  readonly requestTimeoutMs?: number;
  /** Put around each attempt: a circuit breaker, for controllers that don't notice by themselves when the application is away. */
  readonly circuit?: { protect(controller: Controller): Controller };
}

const DEFAULT_COMMAND_TIMEOUT_MS = 3_000;

/**
 * What every controller that asks a remote application is wrapped in. From the outside in: count → limit of the whole call → slot →
 * retry → circuit → limit of one attempt.
 *
 * The wait for a slot counts into the limit, because a client that waits does not care for what: within `commandTimeoutMs` it has its
 * answer or its connection is closed. A call keeps its slot between attempts: an application that is overwhelmed or just starting gets
 * no more of them at once for it.
 */
export function guarded(controller: Controller, options: GuardOptions): Controller {
  const { clock, commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS, requestTimeoutMs = 0 } = options;
  let guard = controller;
  if (requestTimeoutMs > 0) guard = timeLimited(guard, { clock, limitMs: requestTimeoutMs, option: "rpc_request_timeout" });
  if (options.circuit) guard = options.circuit.protect(guard);
  guard = retrying(guard, { ...options, patienceMs: commandTimeoutMs > 0 ? commandTimeoutMs : Infinity });
  guard = limited(guard, options);
  if (commandTimeoutMs > 0) guard = timeLimited(guard, { clock, limitMs: commandTimeoutMs, option: "rpc_command_timeout" });
  return measured(guard, options);
}
