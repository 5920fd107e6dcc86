import { afterEach, describe, expect, it } from "vitest";
import { counters } from "../../src/metrics/definitions.ts";
import { createMetrics, type Metrics } from "../../src/metrics/metrics.ts";
import { statsdExporter, type StatsdOptions } from "../../src/metrics/statsd.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { freePort } from "../support/free-port.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { sumsOf, udpReceiver, type UdpReceiver } from "../support/udp-receiver.ts";

const INTERVAL_MS = 15_000;

describe("the StatsD exporter", () => {
  const ending: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ending.splice(0).toReversed()) await end();
  });

  async function receiver(port?: number): Promise<UdpReceiver> {
    const opened = await udpReceiver(port);
    ending.push(() => opened.close());
    return opened;
  }

  interface Sender {
    readonly metrics: Metrics;
    readonly log: RecordedLog;
    /** Lets an interval pass. */
    pass(): void;
    stop(): Promise<void>;
  }

  async function sender(port: number, options: Partial<StatsdOptions> = {}): Promise<Sender> {
    const metrics = createMetrics();
    const log = recordedLog();
    const clock = new FakeClock();
    const service = statsdExporter({
      metrics,
      clock,
      logger: log.logger,
      host: "127.0.0.1",
      port,
      prefix: "anycable_go.",
      tagsFormat: "datadog",
      tags: {},
      maxPacketBytes: 1_400,
      intervalMs: INTERVAL_MS,
      ...options,
    });
    await service.start!();
    let isStopped = false;
    const stop = async (): Promise<void> => {
      if (isStopped) return;
      isStopped = true;
      await service.stop!(AbortSignal.timeout(5_000));
    };
    ending.push(stop);
    return { metrics, log, pass: () => clock.advance(INTERVAL_MS), stop };
  }

  it("sends what counters grew by and how gauges stand, every interval", async () => {
    const statsd = await receiver();
    const { metrics, pass } = await sender(statsd.port);
    metrics.counters.rpc_call_total = 10;
    metrics.gauges.clients_num = () => 123;
    pass();
    await expect.poll(() => statsd.packets.join("\n")).toContain("anycable_go.rpc_call_total:10|c");
    expect(statsd.packets.join("\n")).toContain("anycable_go.clients_num:123|g");
    expect(statsd.packets.join("\n")).not.toContain("failed_auths_total");
    const before = statsd.packets.length;
    metrics.counters.rpc_call_total = 13;
    metrics.histograms.rpc_duration_seconds.observe(0.25);
    pass();
    await expect.poll(() => statsd.packets.slice(before).join("\n")).toContain("anycable_go.rpc_call_total:3|c");
    expect(statsd.packets.slice(before).join("\n")).toContain("anycable_go.rpc_duration_ms_sum:250|c");
  });

  it.each([
    ["datadog", "ws.rpc_call_total:2|c|#env:prod,dc:eu"],
    ["influxdb", "ws.rpc_call_total,env=prod,dc=eu:2|c"],
    ["graphite", "ws.rpc_call_total;env=prod;dc=eu:2|c"],
  ] as const)("sends the tags as %s wants them, behind the prefix that was asked for", async (tagsFormat, line) => {
    const statsd = await receiver();
    const { metrics, pass } = await sender(statsd.port, { tagsFormat, prefix: "ws.", tags: { env: "prod", dc: "eu" } });
    metrics.counters.rpc_call_total = 2;
    pass();
    await expect.poll(() => statsd.packets.flatMap((packet) => packet.split("\n"))).toContain(line);
  });

  it("never sends a packet over the limit, and loses nothing by it", async () => {
    const statsd = await receiver();
    const { metrics, pass } = await sender(statsd.port, { maxPacketBytes: 100 });
    const names = Object.keys(counters) as (keyof typeof counters)[];
    for (const [index, name] of names.entries()) metrics.counters[name] = index + 1;
    pass();
    await expect.poll(() => Object.keys(sumsOf(statsd.packets)).length).toBeGreaterThan(names.length);
    for (const packet of statsd.packets) expect(Buffer.byteLength(packet)).toBeLessThanOrEqual(100);
    const sums = sumsOf(statsd.packets);
    for (const [index, name] of names.entries()) expect(sums[`anycable_go.${name}`]).toBe(index + 1);
  });

  it("leaves out a line that fits into no packet, and says so once", async () => {
    const statsd = await receiver();
    const { metrics, log, pass } = await sender(statsd.port, { maxPacketBytes: 100, tags: { long: "x".repeat(60) } });
    metrics.counters.rpc_call_total = 1;
    metrics.counters.disconnected_slow_clients_total = 1;
    for (let interval = 0; interval < 3; interval++) {
      const before = statsd.packets.length;
      pass();
      await expect.poll(() => statsd.packets.length).toBeGreaterThan(before);
    }
    expect(sumsOf(statsd.packets)).toMatchObject({ "anycable_go.rpc_call_total": 1 });
    expect(statsd.packets.join("\n")).not.toContain("disconnected_slow_clients_total");
    const warnings = log.lines.filter(({ level }) => level === "warn");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.fields["names"]).toContain("anycable_go.disconnected_slow_clients_total");
  });

  it("sends the rest when it stops", async () => {
    const statsd = await receiver();
    const { metrics, pass, stop } = await sender(statsd.port);
    metrics.counters.client_msg_total = 4;
    pass();
    await expect.poll(() => sumsOf(statsd.packets)["anycable_go.client_msg_total"]).toBe(4);
    metrics.counters.client_msg_total = 9;
    await stop();
    await expect.poll(() => sumsOf(statsd.packets)["anycable_go.client_msg_total"]).toBe(9);
  });

  it("says once that nobody is there, goes on, and says when somebody is", async () => {
    const port = await freePort();
    const { metrics, log, pass } = await sender(port);
    pass();
    await expect.poll(() => log.messages()).toContain("StatsD can't be reached; trying on");
    for (let interval = 0; interval < 3; interval++) pass();
    const statsd = await receiver(port);
    metrics.counters.client_msg_total = 1;
    await expect
      .poll(() => {
        pass();
        return statsd.packets.length;
      })
      .toBeGreaterThan(2);
    await expect
      .poll(() => {
        pass();
        return log.messages().at(-1);
      })
      .toBe("StatsD takes metrics again");
    expect(log.messages()).toEqual(["Sending metrics to StatsD", "StatsD can't be reached; trying on", "StatsD takes metrics again"]);
  });

  it("says once that a name can't be resolved, and can be stopped meanwhile", async () => {
    const { log, pass, stop } = await sender(8_125, { host: "statsd.invalid" });
    pass();
    await expect.poll(() => log.messages(), { timeout: 10_000 }).toHaveLength(2);
    pass();
    await stop();
    expect(log.lines.filter(({ level }) => level !== "debug").at(1)).toMatchObject({
      level: "warn",
      message: "StatsD can't be reached; trying on",
      fields: { target: "statsd.invalid:8125", error: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) as string },
    });
    expect(log.messages()).toHaveLength(2);
  });
});
