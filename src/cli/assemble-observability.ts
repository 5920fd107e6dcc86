import type { Config } from "../config/config.ts";
import type { Routes } from "../http/routes.ts";
import type { Service } from "../lifecycle.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { OpenTelemetryTracing } from "../tracing/open-telemetry.ts";
import type { Outside } from "./assemble.ts";

/**
 * Whatever takes the metrics away: the page for Prometheus, which is hung up at once, the log and StatsD. These stop last, so that they
 * tell of the end as well.
 */
export async function exportersOf(
  config: Config["metrics"],
  { metrics, clock, logger, routes }: Pick<Outside, "clock" | "logger"> & { readonly metrics: Metrics; readonly routes: () => Routes },
): Promise<readonly Service[]> {
  const { httpPath, tags, log, statsd, rotateIntervalMs: intervalMs, hasMemoryGauges } = config;
  if (hasMemoryGauges) {
    const { processMemoryGauges } = await import("../metrics/process-gauges.ts");
    Object.assign(metrics.gauges, processMemoryGauges());
  }
  if (httpPath !== undefined) {
    const { metricsHandler } = await import("../metrics/prometheus.ts");
    routes().request(httpPath, metricsHandler(metrics, tags));
  }
  const services: Service[] = [];
  if (log !== undefined) {
    const { metricsLog } = await import("../metrics/log-lines.ts");
    services.push(metricsLog({ metrics, filter: log.filter, intervalMs, clock, logger }));
  }
  if (statsd !== undefined) {
    const { statsdExporter } = await import("../metrics/statsd.ts");
    services.push(statsdExporter({ ...statsd, tags, metrics, intervalMs, clock, logger }));
  }
  return services;
}

/** @throws {CableError} `config.missing_package`, `config.invalid_value` */
export async function tracingOf(
  { tracing }: Config,
  { nodeId, version, logger }: Outside,
): Promise<{ readonly tracing: OpenTelemetryTracing | undefined; readonly services: readonly Service[] }> {
  if (tracing.exporter === "none") return { tracing: undefined, services: [] };
  const { loadOtlpTracing } = await import("../tracing/load.ts");
  const loaded = await loadOtlpTracing({ nodeId, version, env: process.env, logger });
  return { tracing: loaded?.tracing, services: loaded === undefined ? [] : [loaded.service] };
}
