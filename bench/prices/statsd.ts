import type { Bench } from "../bench.ts";
import { perCommand } from "./columns.ts";
import { pinging } from "./work.ts";

/** Metrics to somebody who takes them, every second: fifteen times as often as by default. */
export const statsd: Bench = {
  name: "statsd",
  title: "StatsD and the log of metrics, off and on",
  needsRpc: false,
  needsSink: true,
  variants: [
    { name: "off" },
    { name: "StatsD", flags: ({ sinkPort }) => [`--statsd_host=127.0.0.1:${sinkPort}`, "--metrics_rotate_interval=1"] },
    { name: "metrics log", flags: () => ["--metrics_log", "--metrics_rotate_interval=1", "--log_level=info"] },
  ],
  cases: (options) => [pinging(options)],
  columns: perCommand,
};
