import { systemClock } from "../../src/clock.ts";
import { silentLogger, type Logger } from "../../src/logger.ts";
import type { Metrics } from "../../src/metrics/metrics.ts";
import type { Controller } from "../../src/rpc/controller.ts";
import { grpcController } from "../../src/rpc/grpc.ts";
import { guarded } from "../../src/rpc/guard.ts";
import { httpCircuit } from "../../src/rpc/http-circuit.ts";
import { httpController } from "../../src/rpc/http.ts";
import type { Application, IncomingCall } from "./application.ts";
import { startGrpcApp } from "./grpc-app.ts";
import { startHttpApp } from "./http-app.ts";

export interface RpcAppOptions {
  readonly application?: Application;
  /** Default: any free one. */
  readonly port?: number;
  /** PEM texts; without them it speaks plain text. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A real application at the end of a road. */
export interface RpcApp {
  readonly port: number;
  readonly calls: readonly (IncomingCall & { readonly method: string })[];
  kill(): Promise<void>;
}

interface OpenOptions {
  readonly tls?: { readonly rootCa?: string; readonly verify?: boolean };
  readonly metrics?: Metrics;
  readonly logger?: Logger;
}

interface GuardingOptions {
  readonly metrics: Metrics;
  readonly logger?: Logger;
  readonly commandTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

/** What calls to an application travel over: the same is expected of each, so tests of that are written once. */
export interface RpcRoad {
  readonly name: "gRPC" | "HTTP";
  startApp(options?: RpcAppOptions): Promise<RpcApp>;
  /** For `rpc_host`: where an application of a port is. */
  target(port: number, place?: { readonly host?: string; readonly isTls?: boolean }): string;
  open(target: string, options?: OpenOptions): Controller;
  /** As the server wraps it. */
  guard(controller: Controller, options: GuardingOptions): Controller;
}

const grpc: RpcRoad = {
  name: "gRPC",
  startApp: (options) => startGrpcApp(options),
  target: (port, { host = "127.0.0.1" } = {}) => `${host}:${port}`,
  open: (target, options) => grpcController({ target, ...options }),
  guard: (controller, options) => guarded(controller, { clock: systemClock(), random: Math.random, ...options }),
};

const http: RpcRoad = {
  name: "HTTP",
  startApp: (options) => startHttpApp(options),
  target: (port, { host = "127.0.0.1", isTls = false } = {}) => `${isTls ? "https" : "http"}://${host}:${port}/_anycable`,
  open: (url, { tls, logger } = {}) => httpController({ url, ...(tls && { tls }), ...(logger && { logger }) }),
  guard(controller, { commandTimeoutMs = 3_000, requestTimeoutMs = 3_000, logger = silentLogger, metrics }) {
    const clock = systemClock();
    const circuit = httpCircuit({ commandTimeoutMs, requestTimeoutMs, clock, logger, metrics });
    return guarded(controller, { clock, random: Math.random, metrics, commandTimeoutMs, requestTimeoutMs, circuit });
  },
};

export const rpcRoads: readonly RpcRoad[] = [grpc, http];
