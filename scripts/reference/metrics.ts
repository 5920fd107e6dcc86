import { counters, gauges, histograms, memoryGauges } from "../../src/metrics/definitions.ts";
import { code, generatedNote, table } from "./table.ts";

/** The text of `docs/reference/metrics.md`, from the table of metrics. */
export function renderMetrics(): string {
  return `${[
    "# Metrics",
    generatedNote,
    introduction,
    "## Counters",
    "They only grow; a restart begins at 0.",
    table(["Name", "Counts"], Object.entries(counters).map(row)),
    "## Gauges",
    table(["Name", "Is"], Object.entries(gauges).map(row)),
    "With `ANYCABLE_MEMORY_METRICS=1` also these. The names are those of Go's runtime, the numbers V8's:",
    table(["Name", "Is"], Object.entries(memoryGauges).map(row)),
    "## Histograms",
    "Each is `_bucket` with its upper bound in `le`, `_sum` and `_count`. Bounds are in seconds.",
    table(
      ["Name", "Measures", "Bounds"],
      Object.entries(histograms).map(([name, { help, buckets }]) => [...row([name, help]), buckets.join(", ")]),
    ),
    otherForms,
    nodeMetrics,
  ].join("\n\n")}\n`;
}

function row([name, help]: readonly [string, string]): string[] {
  return [code(`anycable_go_${name}`), help];
}

const introduction = `Prometheus reads them from the path that \`metrics_http\` names (none by default), on the main port or on \`metrics_host\` and \`metrics_port\`. What is
in \`metrics_tags\` stands on every line as labels. The names are AnyCable's, with its prefix, so dashboards made for it keep working.`;

const otherForms = `## In the log and in StatsD

There the names have no \`anycable_go_\` (StatsD: what \`statsd_prefix\` says, by default \`anycable_go.\`), a counter is what it grew by in the last
\`metrics_rotate_interval\`, and a histogram is two counters: \`rpc_duration_count\` and \`rpc_duration_ms_sum\`, whose quotient is the average in
milliseconds. How to switch them on: [observability](../observability.md#metrics).`;

const nodeMetrics = `## Of the Node process

Under the names that \`prom-client\` gives them everywhere. The ones to watch: \`nodejs_eventloop_lag_p99_seconds\` (the process is too busy when it
passes some tens of milliseconds), \`nodejs_gc_duration_seconds\`, \`nodejs_heap_size_used_bytes\`, \`process_resident_memory_bytes\`,
\`process_cpu_seconds_total\`, \`process_open_fds\` against \`process_max_fds\` (a connection takes one).`;
