import type { Config } from "../config/config.ts";
import type { ReadinessPart } from "../http/health.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Controller } from "../rpc/controller.ts";
import { guarded } from "../rpc/guard.ts";
import { noController } from "../rpc/none.ts";
import type { Outside } from "./assemble.ts";

/** Who answers for the application. */
interface AskedApplication {
  readonly controller: Controller;
  /** For the readiness page. */
  readonly parts: readonly ReadinessPart[];
}

type Parts = Outside & { readonly metrics: Metrics };

/** @throws {CableError} `config.*` for an address, a certificate or a key that can't be used. */
export async function applicationOf({ rpc }: Config, outside: Parts): Promise<AskedApplication> {
  switch (rpc.implementation) {
    case "none":
      return { controller: noController(), parts: [] };
    case "http":
      return overHttp(rpc, outside);
    case "grpc":
      return overGrpc(rpc, outside);
  }
}

async function overGrpc(rpc: Config["rpc"], outside: Parts): Promise<AskedApplication> {
  const { grpcController } = await import("../rpc/grpc.ts");
  const grpc = grpcController({
    target: rpc.host,
    tls: rpc.tls,
    maxReceiveBytes: rpc.maxReceiveBytes,
    maxSendBytes: rpc.maxSendBytes,
    logger: outside.logger,
    metrics: outside.metrics,
  });
  return asked(guarded(grpc, guardOf(rpc, outside)), () => rpc.host);
}

async function overHttp(rpc: Config["rpc"], outside: Parts): Promise<AskedApplication> {
  const { logger, clock, metrics, version } = outside;
  const { httpController } = await import("../rpc/http.ts");
  const { httpCircuit } = await import("../rpc/http-circuit.ts");
  const http = httpController({
    url: rpc.http!.url,
    key: rpc.http!.key,
    ...(rpc.tls && { tls: rpc.tls }),
    maxConnections: rpc.concurrency,
    maxReceiveBytes: rpc.maxReceiveBytes,
    maxSendBytes: rpc.maxSendBytes,
    userAgent: `Ropeway/${version}`,
    logger,
  });
  const { commandTimeoutMs, requestTimeoutMs } = rpc;
  const circuit = httpCircuit({ commandTimeoutMs, requestTimeoutMs, clock, logger, metrics });
  const controller = guarded(http, { ...guardOf(rpc, outside), circuit });
  return asked(controller, () => (circuit.complaint === undefined ? rpc.host : `${rpc.host}: ${circuit.complaint}`));
}

function guardOf(rpc: Config["rpc"], { clock, metrics }: Parts): Parameters<typeof guarded>[1] {
  const { concurrency, commandTimeoutMs, requestTimeoutMs } = rpc;
  return { clock, random: Math.random, metrics, concurrency, commandTimeoutMs, requestTimeoutMs };
}

function asked(controller: Controller, detail: () => string): AskedApplication {
  const part: ReadinessPart = {
    name: "rpc",
    // Every node would lose it at the same time: taking them out of the load balancer would only turn slow clients into refused ones.
    isRequired: false,
    check: () => ({ ok: controller.isReachable?.() ?? true, detail: detail() }),
  };
  return { controller, parts: [part] };
}
