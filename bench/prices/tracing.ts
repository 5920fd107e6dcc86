import type { Bench, Variant } from "../bench.ts";
import { perCommand } from "./columns.ts";
import { performing } from "./work.ts";

/** Traces to a collector that takes them at once, on the generator's core. */
export const tracing: Bench = {
  name: "tracing",
  title: "OpenTelemetry, off and with a share of the traces kept; actions over gRPC",
  needsRpc: true,
  needsSink: true,
  variants: [{ name: "off" }, sampled(0), sampled(0.01), sampled(1)],
  cases: (options) => [performing(options)],
  columns: perCommand,
};

function sampled(share: number): Variant {
  return {
    name: `${share * 100} % kept`,
    flags: () => ["--tracing=otlp"],
    env: ({ sinkPort }) => ({
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: String(share),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sinkPort}`,
    }),
  };
}
