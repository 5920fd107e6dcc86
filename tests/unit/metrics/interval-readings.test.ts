import { describe, expect, it } from "vitest";
import { counters, gauges, histograms } from "../../../src/metrics/definitions.ts";
import { everyInterval, intervalReader, type Reading } from "../../../src/metrics/interval-readings.ts";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { processMemoryGauges } from "../../../src/metrics/process-gauges.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function byName(readings: readonly Reading[]): Record<string, number> {
  return Object.fromEntries(readings.map(({ name, value }) => [name, value]));
}

describe("readings of an interval", () => {
  it("name every metric once, sorted, a histogram as two counters", () => {
    const names = intervalReader(createMetrics())().map(({ name }) => name);
    const ofHistograms = Object.keys(histograms).flatMap((name) => {
      const base = name.replace("_seconds", "");
      return [`${base}_count`, `${base}_ms_sum`];
    });
    expect(names).toEqual([...Object.keys(counters), ...Object.keys(gauges), ...ofHistograms].toSorted());
  });

  it("tell what counters grew by, and how gauges stand", () => {
    const metrics = createMetrics();
    metrics.counters.rpc_call_total = 5;
    let clients = 7;
    metrics.gauges.clients_num = () => clients;
    const read = intervalReader(metrics);
    expect(byName(read())).toMatchObject({ rpc_call_total: 5, clients_num: 7 });
    metrics.counters.rpc_call_total += 2;
    clients = 6;
    expect(byName(read())).toMatchObject({ rpc_call_total: 2, clients_num: 6 });
    expect(byName(read())).toMatchObject({ rpc_call_total: 0, clients_num: 6 });
  });

  it("are each reader's own", () => {
    const metrics = createMetrics();
    const [one, other] = [intervalReader(metrics), intervalReader(metrics)];
    metrics.counters.client_msg_total = 3;
    expect(byName(one())["client_msg_total"]).toBe(3);
    metrics.counters.client_msg_total = 4;
    expect(byName(one())["client_msg_total"]).toBe(1);
    expect(byName(other())["client_msg_total"]).toBe(4);
  });

  it("lose nothing of a histogram by rounding", () => {
    const metrics = createMetrics();
    const read = intervalReader(metrics);
    let [count, sum] = [0, 0];
    for (let interval = 0; interval < 100; interval++) {
      metrics.histograms.publication_delivery_seconds.observe(0.0004);
      const { publication_delivery_count = 0, publication_delivery_ms_sum = 0 } = byName(read());
      count += publication_delivery_count;
      sum += publication_delivery_ms_sum;
    }
    expect([count, sum]).toEqual([100, 40]);
  });

  it("have the gauges about memory only when they were asked for", () => {
    const metrics = createMetrics();
    expect(byName(intervalReader(metrics)())).not.toHaveProperty("heap_sys_bytes");
    Object.assign(metrics.gauges, processMemoryGauges());
    const found = byName(intervalReader(metrics)());
    expect(found["heap_sys_bytes"]).toBeGreaterThan(1_000_000);
    expect(found["heap_alloc_total"]).toBeGreaterThan(1_000_000);
    expect(found["heap_alloc_total"]! + found["heap_idle_bytes"]!).toBeGreaterThan(found["heap_sys_bytes"]! * 0.5);
  });
});

describe("the interval", () => {
  it("comes again and again, at times that don't drift, until it is cancelled", () => {
    const clock = new FakeClock();
    const atMs: number[] = [];
    const timer = everyInterval(clock, 1_000, () => atMs.push(clock.monotonicMs()));
    clock.advance(2_500);
    clock.jump(200);
    clock.advance(1_500);
    expect(atMs).toEqual([1_000, 2_000, 3_000, 4_000]);
    timer.cancel();
    clock.advance(5_000);
    expect(atMs).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it("is not made up for when the machine slept", () => {
    const clock = new FakeClock();
    const atMs: number[] = [];
    everyInterval(clock, 1_000, () => atMs.push(clock.monotonicMs()));
    clock.jump(10_300);
    clock.advance(1_000);
    expect(atMs).toEqual([10_300, 11_300]);
  });
});
