import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type BatchSpanProcessorOptions,
  type Sampler,
} from "@opentelemetry/sdk-trace";
import { CableError } from "../errors.ts";

/** OpenTelemetry's standard variables, as far as its packages leave them to whoever uses them. The exporters read their own. */
export type OtelEnvironment = Readonly<Record<string, string | undefined>>;

const samplers: Readonly<Record<string, (ratio: () => number) => Sampler>> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio()),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio()) }),
};

/** Which traces are kept: OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. @throws {CableError} `config.invalid_value` */
export function samplerOf(env: OtelEnvironment): Sampler {
  const name = env["OTEL_TRACES_SAMPLER"] || "parentbased_always_on";
  const make = Object.hasOwn(samplers, name) ? samplers[name] : undefined;
  if (make === undefined) throw invalid("OTEL_TRACES_SAMPLER", name, `one of ${Object.keys(samplers).join(", ")}`);
  return make(() => {
    const text = env["OTEL_TRACES_SAMPLER_ARG"] || "1";
    const ratio = Number(text);
    if (ratio >= 0 && ratio <= 1) return ratio;
    throw invalid("OTEL_TRACES_SAMPLER_ARG", text, "a number from 0 to 1");
  });
}

/** How spans are collected before they are sent: OTEL_BSP_*. @throws {CableError} `config.invalid_value` */
export function batchingOf(env: OtelEnvironment): Omit<BatchSpanProcessorOptions, "exporter"> {
  const number = (name: string): number | undefined => {
    const text = env[name];
    if (text === undefined || text === "") return undefined;
    if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
    throw invalid(name, text, "a whole number from 1 up");
  };
  const maxQueueSize = number("OTEL_BSP_MAX_QUEUE_SIZE") ?? 2_048;
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") ?? 512, maxQueueSize),
    scheduledDelayMillis: number("OTEL_BSP_SCHEDULE_DELAY") ?? 5_000,
    exportTimeoutMillis: number("OTEL_BSP_EXPORT_TIMEOUT") ?? 30_000,
  };
}

function invalid(name: string, value: string, expected: string): CableError {
  return new CableError("config.invalid_value", `${name} is ${JSON.stringify(value.slice(0, 200))}, but takes ${expected}`);
}
