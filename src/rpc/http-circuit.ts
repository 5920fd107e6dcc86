import { CircuitBreaker, type CircuitBreakerOptions } from "./circuit-breaker.ts";
import type { GuardOptions } from "./guard.ts";
import { isTransportFailure } from "./http-errors.ts";

export type HttpCircuitOptions = Pick<CircuitBreakerOptions, "clock" | "logger" | "metrics"> &
  Required<Pick<GuardOptions, "commandTimeoutMs" | "requestTimeoutMs">>;

/**
 * The circuit breaker that calls over HTTP go through: their connections don't say by themselves, as gRPC's do, that the application is
 * away.
 */
export function httpCircuit({ commandTimeoutMs, requestTimeoutMs, ...options }: HttpCircuitOptions): CircuitBreaker {
  return new CircuitBreaker({
    ...options,
    name: "http rpc",
    isFailure: isTransportFailure,
    graceMs: commandTimeoutMs,
    patienceMs: Math.min(...[requestTimeoutMs, commandTimeoutMs].filter((limitMs) => limitMs > 0)) / 2,
  });
}
