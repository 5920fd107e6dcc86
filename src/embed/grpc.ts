import { systemClock } from "../clock.ts";
import { createMetrics } from "../metrics/metrics.ts";
import type { Controller } from "../rpc/controller.ts";
import { grpcController as controller, type GrpcControllerOptions } from "../rpc/grpc.ts";
import { guarded, type GuardOptions } from "../rpc/guard.ts";

/** `metrics` should be the server's own, so that its calls are counted there. */
export type GrpcOptions = GrpcControllerOptions & Partial<Pick<GuardOptions, "concurrency" | "commandTimeoutMs" | "requestTimeoutMs">>;

/** An application behind gRPC, by the contract of `proto/rpc.proto`, with the limit, retries and time limits that go with it. */
export function grpcController(options: GrpcOptions): Controller {
  const { metrics = createMetrics() } = options;
  return guarded(controller({ ...options, metrics }), { ...options, clock: systemClock(), random: Math.random, metrics });
}
