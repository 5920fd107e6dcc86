import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { counters, gauges, histograms } from "../../../src/metrics/definitions.ts";
import { createMetrics, type Metrics } from "../../../src/metrics/metrics.ts";
import { metricsHandler, prometheusText, type MetricTags } from "../../../src/metrics/prometheus.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }
});

async function scrape(metrics: Metrics, tags: MetricTags): Promise<Response> {
  const server = createServer(metricsHandler(metrics, tags)).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
}

/** The lines about one metric, comments included. */
function linesOf(text: string, name: string): string[] {
  return text.split("\n").filter((line) => new RegExp(`^(# (HELP|TYPE) )?${name}(_bucket|_sum|_count)?[ {]`).test(line));
}

describe("the server's metrics", () => {
  it("are all there, once, with help and type", () => {
    const text = prometheusText(createMetrics(), {});
    for (const name of [...Object.keys(counters), ...Object.keys(gauges), ...Object.keys(histograms)]) {
      const lines = linesOf(text, `anycable_go_${name}`);
      expect(lines[0]).toMatch(new RegExp(`^# HELP anycable_go_${name} \\S`));
      expect(lines[1]).toMatch(new RegExp(`^# TYPE anycable_go_${name} (counter|gauge|histogram)$`));
      expect(lines.filter((line) => line.startsWith("# TYPE"))).toHaveLength(1);
    }
    expect(text.endsWith("\n")).toBe(true);
    expect(text).not.toContain("\n\n");
  });

  it("hold what was counted at the time of asking", () => {
    const metrics = createMetrics();
    let clients = 3;
    metrics.gauges.clients_num = () => clients;
    metrics.counters.rpc_call_total += 2;
    expect(linesOf(prometheusText(metrics, {}), "anycable_go_rpc_call_total").at(-1)).toBe("anycable_go_rpc_call_total 2");
    metrics.counters.rpc_call_total++;
    clients = 4;
    const later = prometheusText(metrics, {});
    expect(linesOf(later, "anycable_go_rpc_call_total").at(-1)).toBe("anycable_go_rpc_call_total 3");
    expect(linesOf(later, "anycable_go_clients_num").at(-1)).toBe("anycable_go_clients_num 4");
    expect(linesOf(later, "anycable_go_broadcast_streams_num").at(-1)).toBe("anycable_go_broadcast_streams_num 0");
    expect(Number(linesOf(later, "anycable_go_mem_sys_bytes").at(-1)!.split(" ")[1])).toBeGreaterThan(1_000_000);
  });

  it("print histograms cumulatively, the bound belonging to its bucket", () => {
    const metrics = createMetrics();
    for (const seconds of [0.001, 0.002, 0.3, 99]) metrics.histograms.rpc_duration_seconds.observe(seconds);
    const lines = linesOf(prometheusText(metrics, {}), "anycable_go_rpc_duration_seconds").slice(2);
    const name = "anycable_go_rpc_duration_seconds";
    const counts = [1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3];
    expect(lines).toEqual([
      ...histograms.rpc_duration_seconds.buckets.map((bound, index) => `${name}_bucket{le="${bound}"} ${counts[index]}`),
      `${name}_bucket{le="+Inf"} 4`,
      `${name}_sum 99.303`,
      `${name}_count 4`,
    ]);
  });

  it("carry the tags, escaped", () => {
    const text = prometheusText(createMetrics(), { env: "prod", odd: 'a"b\\c\nd' });
    expect(text).toContain(String.raw`anycable_go_clients_num{env="prod",odd="a\"b\\c\nd"} 0`);
    expect(text).toContain(String.raw`anycable_go_rpc_duration_seconds_bucket{le="0.001",env="prod",odd="a\"b\\c\nd"} 0`);
  });

  it.each(["", "1a", "a-b", "__a", "le", "é"])("refuse the tag name %j", (name) => {
    expect(() => metricsHandler(createMetrics(), { [name]: "x" })).toThrow(
      expect.objectContaining({ code: "config.invalid_value", message: expect.stringContaining(JSON.stringify(name)) as string }) as Error,
    );
  });
});

describe("the endpoint", () => {
  it("adds the numbers of Node, says which format it is, and is for several servers in one process", async () => {
    const first = createMetrics();
    first.counters.client_msg_total = 1;
    const second = createMetrics();
    second.counters.client_msg_total = 2;
    const answers = [await scrape(first, { server: "a" }), await scrape(second, { server: "b" })];
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(answers.map((answer) => answer.headers.get("content-type"))).toEqual(Array(2).fill("text/plain; version=0.0.4; charset=utf-8"));
    expect(texts[0]).toContain('anycable_go_client_msg_total{server="a"} 1\n');
    expect(texts[1]).toContain('anycable_go_client_msg_total{server="b"} 2\n');
    for (const [index, server] of ["a", "b"].entries()) {
      expect(texts[index]).toMatch(new RegExp(`^nodejs_eventloop_lag_p99_seconds\\{server="${server}"\\} \\d`, "m"));
      expect(texts[index]).toMatch(new RegExp(`^process_resident_memory_bytes\\{server="${server}"\\} \\d`, "m"));
    }
  });

  it("prints nothing but what the format allows", async () => {
    const text = await (await scrape(createMetrics(), { env: 'a"b' })).text();
    const sample = /^[a-z_]\w*(\{([a-z_]\w*="([^"\\]|\\.)*",?)+\})? (-?\d+(\.\d+)?(e[+-]?\d+)?|\+Inf|-Inf|NaN|Nan)$/i;
    const bad = text.split("\n").filter((line) => line !== "" && !/^# (HELP|TYPE) [a-z_]\w* \S/i.test(line) && !sample.test(line));
    expect(bad).toEqual([]);
    const declared = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(new Set(declared).size).toBe(declared.length);
  });
});
