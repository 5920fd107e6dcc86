import { collectDefaultMetrics, Registry } from "prom-client";
import { CableError } from "../errors.ts";
import type { RequestHandler } from "../http/routes.ts";
import { counters, gauges, histograms, memoryGauges, type CounterName, type GaugeName, type HistogramName } from "./definitions.ts";
import type { Histogram, Metrics } from "./metrics.ts";

/** AnyCable's, so that dashboards keep working. */
const prefix = "anycable_go_";

/** Labels, by name, that every line carries. */
export type MetricTags = Readonly<Record<string, string>>;

/**
 * Answers with every metric in Prometheus's text format: the server's as `anycable_go_*`, those of the Node process (event loop lag,
 * garbage collection, heap, CPU) as `nodejs_*` and `process_*`.
 * @throws {CableError} `config.invalid_value` when the name of a tag can't be a label.
 */
export function metricsHandler(metrics: Metrics, tags: MetricTags): RequestHandler {
  const ofProcess = processRegistry(tags);
  return (_request, response) => {
    ofProcess.metrics().then(
      (text) =>
        response
          .writeHead(200, { "content-type": ofProcess.contentType, "cache-control": "no-store" })
          .end(`${prometheusText(metrics, tags)}\n${text}`),
      () => response.writeHead(500).end(),
    );
  };
}

/**
 * The server's own metrics. Written here rather than by prom-client, whose metrics would have to be fed on the hot path; ours are plain
 * fields that are read when somebody asks.
 * @throws {CableError} `config.invalid_value` when the name of a tag can't be a label.
 */
export function prometheusText(metrics: Metrics, tags: MetricTags): string {
  const labels = labelPairs(tags);
  const lines: string[] = [];
  const declare = (name: string, type: string, help: string): void => void lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  const add = (name: string, value: number, ...own: string[]): void => {
    const pairs = [...own, ...labels];
    lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`);
  };

  for (const [name, help] of Object.entries(counters)) {
    declare(prefix + name, "counter", help);
    add(prefix + name, metrics.counters[name as CounterName]);
  }
  for (const [name, help] of Object.entries(gauges)) {
    declare(prefix + name, "gauge", help);
    add(prefix + name, metrics.gauges[name as GaugeName]?.() ?? 0);
  }
  for (const [name, help] of Object.entries(memoryGauges)) {
    const read = metrics.gauges[name as GaugeName];
    if (read === undefined) continue;
    declare(prefix + name, "gauge", help);
    add(prefix + name, read());
  }
  for (const [name, { help }] of Object.entries(histograms)) {
    declare(prefix + name, "histogram", help);
    addHistogram(prefix + name, metrics.histograms[name as HistogramName], add);
  }
  return `${lines.join("\n")}\n`;
}

function addHistogram(
  name: string,
  { bounds, counts, sum }: Histogram,
  add: (name: string, value: number, ...labels: string[]) => void,
): void {
  let count = 0;
  for (const [index, inBucket] of counts.entries()) {
    count += inBucket;
    add(`${name}_bucket`, count, `le="${bounds[index] ?? "+Inf"}"`);
  }
  add(`${name}_sum`, sum);
  add(`${name}_count`, count);
}

function labelPairs(tags: MetricTags): string[] {
  return Object.entries(tags).map(([name, value]) => {
    if (/^(?!__)[a-z_]\w*$/i.test(name) && name !== "le") return `${name}="${escapeLabelValue(value)}"`;
    throw new CableError(
      "config.invalid_value",
      `metrics_tags: ${JSON.stringify(name)} can't be a Prometheus label: use letters, digits and _, no digit first, no __ in front, and not "le".`,
    );
  });
}

function escapeLabelValue(value: string): string {
  return value
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`);
}

let observed: Registry | undefined;

/**
 * Node's own numbers. They belong to the process, so the observers behind them are shared by all its servers, set up when the first one
 * asks; the tags are each server's.
 */
function processRegistry(tags: MetricTags): Registry {
  labelPairs(tags);
  if (observed === undefined) {
    observed = new Registry();
    collectDefaultMetrics({ register: observed });
  }
  const registry = new Registry();
  registry.setDefaultLabels(tags);
  for (const { name } of observed.getMetricsAsArray()) registry.registerMetric(observed.getSingleMetric(name)!);
  return registry;
}
