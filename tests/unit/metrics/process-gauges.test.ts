import { describe, expect, it } from "vitest";
import { processGauges, processMemoryGauges, utilizationGauge, type LoopTimes } from "../../../src/metrics/process-gauges.ts";

describe("the share of time for which the event loop was busy", () => {
  function gaugeOf(...times: readonly [active: number, idle: number][]): number[] {
    const left: LoopTimes[] = times.map(([active, idle]) => ({ active, idle }));
    const gauge = utilizationGauge(() => left.shift()!);
    return times.map(() => gauge());
  }

  it("is about the time since the reading before, at first since the start", () => {
    expect(gaugeOf([100, 300], [1_100, 300], [1_100, 4_300])).toEqual([0.25, 1, 0]);
  });

  it("stays for readings that follow each other closely, and then takes all of the time in", () => {
    expect(gaugeOf([100, 900], [500, 900], [600, 1_300], [600, 1_400])).toEqual([0.1, 0.1, 0.1, 0.5]);
  });

  it("is 0 before there was any time", () => {
    expect(gaugeOf([0, 0])).toEqual([0]);
  });
});

describe("the gauges of the process", () => {
  it("are numbers of this process", () => {
    const { rss } = process.memoryUsage();
    const { mem_sys_bytes, goroutines_num, event_loop_utilization } = processGauges();
    expect(mem_sys_bytes!()).toBeGreaterThan(rss / 2);
    expect(mem_sys_bytes!()).toBeLessThan(rss * 2);
    expect(goroutines_num!()).toBeGreaterThan(0);
    expect(event_loop_utilization!()).toBeGreaterThan(0);
    expect(event_loop_utilization!()).toBeLessThanOrEqual(1);
  });

  it("follow the buffers and the heap", () => {
    const gauges = processMemoryGauges();
    const before = gauges.buffers_bytes!();
    const kept = Buffer.alloc(64 * 1024 * 1024, 1);
    expect(gauges.buffers_bytes!() - before).toBeGreaterThanOrEqual(kept.length);
    const heapBefore = gauges.heap_alloc_total!();
    const objects = Array.from({ length: 2_000_000 }, (_, index) => ({ index }));
    expect(gauges.heap_alloc_total!() - heapBefore).toBeGreaterThan(objects.length);
    for (const read of Object.values(gauges)) expect(read()).toBeGreaterThanOrEqual(0);
  });

  it.runIf(process.platform === "linux")("know the stack on Linux", () => {
    expect(processMemoryGauges().stack_sys_bytes!()).toBeGreaterThan(10_000);
  });
});
