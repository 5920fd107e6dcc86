import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { batchingOf, samplerOf } from "../../../src/tracing/otel-variables.ts";
import { otlpProtocolOf, packagesFor } from "../../../src/tracing/otlp-protocol.ts";
import { repositoryRoot } from "../../support/repository.ts";

describe("OpenTelemetry's variables", () => {
  it.each([
    [{}, "ParentBased{root=AlwaysOnSampler, "],
    [{ OTEL_TRACES_SAMPLER: "" }, "ParentBased{root=AlwaysOnSampler, "],
    [{ OTEL_TRACES_SAMPLER: "always_on" }, "AlwaysOnSampler"],
    [{ OTEL_TRACES_SAMPLER: "always_off" }, "AlwaysOffSampler"],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" }, "TraceIdRatioBased{0.25}"],
    [{ OTEL_TRACES_SAMPLER: "traceidratio" }, "TraceIdRatioBased{1}"],
    [{ OTEL_TRACES_SAMPLER: "parentbased_always_on" }, "ParentBased{root=AlwaysOnSampler, "],
    [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, "ParentBased{root=AlwaysOffSampler, "],
    [{ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" }, "ParentBased{root=TraceIdRatioBased{0}, "],
    [{ OTEL_TRACES_SAMPLER_ARG: "nonsense, but of no use here" }, "ParentBased{root=AlwaysOnSampler, "],
  ])("choose the sampler: %o", (env, sampler) => {
    expect(samplerOf(env).toString()).toContain(sampler);
  });

  it("say how spans are collected", () => {
    expect(batchingOf({})).toEqual({
      maxQueueSize: 2_048,
      maxExportBatchSize: 512,
      scheduledDelayMillis: 5_000,
      exportTimeoutMillis: 30_000,
    });
    const env = { OTEL_BSP_MAX_QUEUE_SIZE: "100", OTEL_BSP_SCHEDULE_DELAY: "50", OTEL_BSP_EXPORT_TIMEOUT: "7" };
    expect(batchingOf(env)).toEqual({ maxQueueSize: 100, maxExportBatchSize: 100, scheduledDelayMillis: 50, exportTimeoutMillis: 7 });
    expect(batchingOf({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "3" })).toMatchObject({ maxExportBatchSize: 3 });
  });

  it("say how they are written, those about traces first", () => {
    expect(otlpProtocolOf({})).toBe("http/protobuf");
    expect(otlpProtocolOf({ OTEL_EXPORTER_OTLP_PROTOCOL: "" })).toBe("http/protobuf");
    expect(otlpProtocolOf({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" })).toBe("http/json");
    const both = { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
    expect(otlpProtocolOf(both)).toBe("http/json");
  });

  it.each([
    [() => samplerOf({ OTEL_TRACES_SAMPLER: "toString" }), 'OTEL_TRACES_SAMPLER is "toString", but takes one of always_on, always_off, '],
    [() => samplerOf({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "7" }), 'is "7", but takes a number from 0 to 1'],
    [() => samplerOf({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "x" }), 'is "x", but takes a number from 0 to 1'],
    [() => batchingOf({ OTEL_BSP_MAX_QUEUE_SIZE: "many" }), 'OTEL_BSP_MAX_QUEUE_SIZE is "many", but takes a whole number'],
    [() => batchingOf({ OTEL_BSP_SCHEDULE_DELAY: "0" }), "OTEL_BSP_SCHEDULE_DELAY"],
    [
      () => otlpProtocolOf({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }),
      'OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", but takes http/protobuf or http/json',
    ],
  ])("are refused when they make no sense: %s", (read, message) => {
    expect(read).toThrow(
      expect.objectContaining({ code: "config.invalid_value", message: expect.stringContaining(message) as string }) as Error,
    );
  });
});

describe("the packages to install", () => {
  const { devDependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(repositoryRoot, "package.json"), "utf8"),
  ) as Record<"devDependencies" | "peerDependencies", Record<string, string>> & {
    readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>;
  };

  it("are on the page about it", () => {
    const page = readFileSync(join(repositoryRoot, "docs/observability.md"), "utf8");
    expect(page).toContain(`\nnpm install ${packagesFor("http/protobuf").join(" ")}\n`);
  });

  it.each(["http/json", "http/protobuf"] as const)("are those that the tests run with, for %s", (protocol) => {
    for (const line of packagesFor(protocol)) {
      const [, name, range] = /^(.+)@[~^](.+)$/.exec(line)!;
      expect(devDependencies[name!], name).toMatch(new RegExp(`^[~^]${range!.replaceAll(".", String.raw`\.`)}\\.`));
      expect(peerDependencies, name).toHaveProperty([name!]);
      expect(peerDependenciesMeta[name!], name).toEqual({ optional: true });
    }
  });
});
