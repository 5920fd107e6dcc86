import { describe, expect, it } from "vitest";
import type { Metrics } from "../../../src/metrics/metrics.ts";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { metricsLog } from "../../../src/metrics/log-lines.ts";
import type { Service } from "../../../src/lifecycle.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog, type LogLine, type RecordedLog } from "../../support/recorded-log.ts";

interface Stage {
  readonly metrics: Metrics;
  readonly clock: FakeClock;
  readonly log: RecordedLog;
  readonly service: Service;
}

async function started(filter: readonly string[]): Promise<Stage> {
  const stage = { metrics: createMetrics(), clock: new FakeClock(), log: recordedLog() };
  const service = metricsLog({ ...stage, logger: stage.log.logger, filter, intervalMs: 15_000 });
  await service.start!();
  return { ...stage, service };
}

function printed({ log }: Stage): LogLine[] {
  return log.lines.filter(({ message }) => message === "metrics");
}

describe("metrics in the log", () => {
  it("are announced, and printed once every interval at level info", async () => {
    const stage = await started([]);
    expect(stage.log.lines).toEqual([{ level: "info", message: "log metrics", fields: { interval: 15 } }]);
    stage.metrics.counters.rpc_call_total = 2;
    stage.clock.advance(14_999);
    expect(printed(stage)).toEqual([]);
    stage.clock.advance(1);
    expect(printed(stage)).toHaveLength(1);
    expect(printed(stage)[0]).toMatchObject({ level: "info", fields: { rpc_call_total: 2, failed_auths_total: 0 } });
    stage.metrics.counters.rpc_call_total = 5;
    stage.clock.advance(15_000);
    expect(printed(stage)[1]!.fields).toMatchObject({ rpc_call_total: 3, failed_auths_total: 0 });
    const names = Object.keys(printed(stage)[1]!.fields);
    expect(names).toEqual(names.toSorted());
    expect(names.length).toBeGreaterThan(25);
  });

  it("are those of the filter alone; a name that nothing has is told", async () => {
    const stage = await started(["rpc_call_total", "clients_num", "go_threads"]);
    expect(stage.log.lines).toEqual([
      { level: "info", message: "log metrics", fields: { interval: 15, fields: "rpc_call_total,clients_num,go_threads" } },
      { level: "warn", message: "metrics_log_filter: there are no metrics of these names", fields: { names: "go_threads" } },
    ]);
    stage.clock.advance(15_000);
    expect(printed(stage).map(({ fields }) => fields)).toEqual([{ clients_num: 0, rpc_call_total: 0 }]);
  });

  it("end with what happened since the last line", async () => {
    const stage = await started(["client_msg_total"]);
    stage.metrics.counters.client_msg_total = 1;
    stage.clock.advance(15_000);
    stage.metrics.counters.client_msg_total = 8;
    await stage.service.stop!(AbortSignal.timeout(1_000));
    stage.clock.advance(60_000);
    expect(printed(stage).map(({ fields }) => fields)).toEqual([{ client_msg_total: 1 }, { client_msg_total: 7 }]);
  });
});
