import { defaultResource, detectResources, envDetector, resourceFromAttributes, type Resource } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider, type SpanExporter } from "@opentelemetry/sdk-trace";
import { once } from "node:events";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { openTelemetryTracing, type OpenTelemetryTracing } from "./open-telemetry.ts";
import { batchingOf, samplerOf, type OtelEnvironment } from "./otel-variables.ts";
import type { OtlpProtocol } from "./otlp-protocol.ts";

export interface OtlpOptions {
  readonly protocol: OtlpProtocol;
  readonly version: string;
  /** Becomes `service.instance.id`. */
  readonly nodeId: string;
  readonly env: OtelEnvironment;
  readonly logger: Logger;
}

/** A collector that hangs must not use up the time in which clients are told of the shutdown. */
const LAST_EXPORT_MAY_TAKE_MS = 3_000;

/** Records spans and sends them to an OpenTelemetry collector. @throws {CableError} `config.invalid_value` for a bad variable. */
export async function otlpTracing(options: OtlpOptions): Promise<{ readonly tracing: OpenTelemetryTracing; readonly service: Service }> {
  const { protocol, version, env, logger } = options;
  const provider = new TracerProvider({
    sampler: samplerOf(env),
    resource: resourceOf(options),
    spanProcessors: [new BatchSpanProcessor({ ...batchingOf(env), exporter: loud(await exporterOf(protocol), logger) })],
  });
  return {
    tracing: openTelemetryTracing(provider.getTracer("ropeway", version)),
    service: {
      name: "tracing",
      async start() {
        logger.info("Sending traces to OpenTelemetry", { protocol, sampler: env["OTEL_TRACES_SAMPLER"] });
      },
      async stop(deadline) {
        const enough = AbortSignal.any([deadline, AbortSignal.timeout(LAST_EXPORT_MAY_TAKE_MS)]);
        if (!enough.aborted) await Promise.race([provider.shutdown(), once(enough, "abort")]);
      },
    },
  };
}

async function exporterOf(protocol: OtlpProtocol): Promise<SpanExporter> {
  switch (protocol) {
    case "http/json": {
      const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
      return new OTLPTraceExporter();
    }
    case "http/protobuf": {
      const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
      return new OTLPTraceExporter();
    }
  }
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over what we know. */
function resourceOf({ version, nodeId }: OtlpOptions): Resource {
  const own = { "service.name": "ropeway", "service.version": version, "service.instance.id": nodeId };
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** The library is silent about spans that it could not send: say so, once until it works again. */
function loud(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const hasFailed = result.error !== undefined || result.code !== 0;
        if (hasFailed !== isFailing) {
          isFailing = hasFailed;
          if (hasFailed) logger.warn("Traces can't be sent; trying on", { error: result.error?.message });
          else logger.info("Traces can be sent again");
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
