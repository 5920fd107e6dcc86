import type { Clock } from "../clock.ts";
import { CableError } from "../errors.ts";
import type { CallSignal } from "../internal/cancellation.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { ApplicationError } from "./answer-status.ts";
import { around, type Call } from "./around.ts";
import type { Controller } from "./controller.ts";

/**
 * Counts the calls and what became of them. A call that broke counts as an error unless it was given up; a timeout counts as both. As in
 * AnyCable, an answer is no error, whatever its status.
 */
export function measured(controller: Controller, { clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics }): Controller {
  const { counters } = metrics;
  return around(controller, async <Answer>(call: Call<Answer>, signal: CallSignal) => {
    const startedMs = clock.monotonicMs();
    counters.rpc_call_total++;
    try {
      return await call(signal);
    } catch (error) {
      const code = error instanceof CableError ? error.code : undefined;
      if (code === "rpc.canceled") counters.rpc_canceled_total++;
      else if (!(error instanceof ApplicationError)) counters.rpc_error_total++;
      if (code === "rpc.timeout") counters.rpc_timeout_total++;
      throw error;
    } finally {
      metrics.histograms.rpc_duration_seconds.observe((clock.monotonicMs() - startedMs) / 1_000);
    }
  });
}
