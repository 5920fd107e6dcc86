import { counters, gauges, histograms } from "../../src/metrics/definitions.ts";
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
    "## Histograms",
    "Each is `_bucket` with its upper bound in `le`, `_sum` and `_count`. Bounds are in seconds.",
    table(
      ["Name", "Measures", "Bounds"],
      Object.entries(histograms).map(([name, { help, buckets }]) => [...row([name, help]), buckets.join(", ")]),
    ),
    nodeMetrics,
  ].join("\n\n")}\n`;
}

function row([name, help]: readonly [string, string]): string[] {
  return [code(`anycable_go_${name}`), help];
}

const introduction = `Prometheus reads them from the path that \`metrics_http\` names (none by default), on the main port or on \`metrics_host\` and \`metrics_port\`. What is
in \`metrics_tags\` stands on every line as labels. The names are AnyCable's, with its prefix, so dashboards made for it keep working.`;

const nodeMetrics = `## Of the Node process

Under the names that \`prom-client\` gives them everywhere. The ones to watch: \`nodejs_eventloop_lag_p99_seconds\` (the process is too busy when it
passes some tens of milliseconds), \`nodejs_gc_duration_seconds\`, \`nodejs_heap_size_used_bytes\`, \`process_resident_memory_bytes\`,
\`process_cpu_seconds_total\`, \`process_open_fds\` against \`process_max_fds\` (a connection takes one).`;
