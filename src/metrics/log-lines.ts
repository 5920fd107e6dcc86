import type { Clock, Timer } from "../clock.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { everyInterval, intervalReader, type Reading } from "./interval-readings.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsLogOptions {
  readonly metrics: Metrics;
  /** Names of the metrics to print; empty = all. */
  readonly filter: readonly string[];
  /** AnyCable's default: 15,000. Each line is about 1 KB. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Prints the metrics as one line at level info every interval, and a last one at the end: `metrics clients_num=3 rpc_call_total=2 …`,
 * sorted, counters as what they grew by since the line before.
 */
export function metricsLog(options: MetricsLogOptions): Service {
  const { metrics, intervalMs, clock, logger } = options;
  const filter = new Set(options.filter);
  const read = intervalReader(metrics);
  const isShown = ({ name }: Reading): boolean => filter.size === 0 || filter.has(name);
  const print = (): void => {
    logger.info(
      "metrics",
      Object.fromEntries(
        read()
          .filter(isShown)
          .map(({ name, value }) => [name, value]),
      ),
    );
  };
  let timer: Timer | undefined;
  return {
    name: "metrics log",
    async start() {
      logger.info("log metrics", { interval: intervalMs / 1_000, ...(filter.size > 0 && { fields: [...filter].join(",") }) });
      const known = new Set(intervalReader(metrics)().map(({ name }) => name));
      const unknown = [...filter].filter((name) => !known.has(name));
      if (unknown.length > 0) logger.warn("metrics_log_filter: there are no metrics of these names", { names: unknown.join(",") });
      timer = everyInterval(clock, intervalMs, print);
    },
    async stop() {
      timer?.cancel();
      print();
    },
  };
}
