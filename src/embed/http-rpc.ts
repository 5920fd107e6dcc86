import { deriveKey } from "../config/secrets.ts";
import { systemClock } from "../clock.ts";
import { silentLogger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { Controller } from "../rpc/controller.ts";
import { guarded, type GuardOptions } from "../rpc/guard.ts";
import { httpCircuit } from "../rpc/http-circuit.ts";
import { httpController as controller, type HttpControllerOptions } from "../rpc/http.ts";

/** `requestTimeoutMs` is 3,000 by default here, as in AnyCable: HTTP does not notice by itself that nobody answers. */
export type HttpRpcOptions = Omit<HttpControllerOptions, "maxConnections"> &
  Partial<Pick<GuardOptions, "concurrency" | "commandTimeoutMs" | "requestTimeoutMs">> & {
    /** Should be the server's own, so that its calls are counted there. */
    readonly metrics?: Metrics;
  };

/**
 * An application behind HTTP, such as AnyCable's `/_anycable`, with the limit, retries, time limits and circuit breaker that go with it.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function httpController(options: HttpRpcOptions): Controller {
  const { logger = silentLogger, metrics = createMetrics(), concurrency, commandTimeoutMs = 3_000, requestTimeoutMs = 3_000 } = options;
  const clock = systemClock();
  const http = controller({ ...options, ...(concurrency !== undefined && { maxConnections: concurrency }) });
  const circuit = httpCircuit({ commandTimeoutMs, requestTimeoutMs, clock, logger, metrics });
  return guarded(http, { ...options, commandTimeoutMs, requestTimeoutMs, circuit, clock, random: Math.random, metrics });
}

/** The `key` that AnyCable's libraries derive from the application's secret. @throws {CableError} `config.invalid_value` for an empty one. */
export function rpcKey(secret: string): string {
  return deriveKey(secret, "rpc-cable");
}
