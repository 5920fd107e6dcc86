import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { Ropeway, standalone, startRopeway } from "../support/ropeway.ts";

describe("metrics in the log", () => {
  let ropeway: Ropeway | undefined;
  afterEach(() => ropeway?.stop());

  it("are one line every interval, counters as what they grew by, as scripts for AnyCable look for them", async () => {
    const app = await startGrpcApp();
    ropeway = await startRopeway([`--rpc_host=${app.address}`, "--metrics_log", "--metrics_rotate_interval=1"]);
    expect(await ropeway.logged("log metrics")).toMatchObject({ level: "INFO", interval: 1 });
    const client = new CableClient(ropeway.cable);
    await once(client.socket, "open");
    client.say({ command: "subscribe", identifier: "{}" });
    const busy = await ropeway.logged("metrics", ({ rpc_call_total: calls }) => calls !== 0);
    const calls = ropeway.log.filter(({ msg }) => msg === "metrics").reduce((sum, line) => sum + Number(line["rpc_call_total"]), 0);
    expect(calls).toBeLessThanOrEqual(2);
    expect(busy).toMatchObject({ level: "INFO", failed_auths_total: 0 });
    await ropeway.logged("metrics", ({ rpc_call_total: more, clients_num: clients }) => more === 0 && clients === 1);
    await client.drop();
    await ropeway.stop();
    // Connect, subscribe, disconnect.
    const total = ropeway.log.filter(({ msg }) => msg === "metrics").reduce((sum, line) => sum + Number(line["rpc_call_total"]), 0);
    expect(total).toBe(3);
    await app.kill();
  });

  it("read in text as they do there, and are those of the filter alone", async () => {
    ropeway = new Ropeway([
      ...standalone,
      "--port=0",
      "--http_broadcast_port=0",
      "--broadcast_adapter=http",
      "--metrics_log",
      "--metrics_log_interval=1",
      "--metrics_log_filter=rpc_call_total,failed_auths_total",
    ]);
    const line = / INF metrics failed_auths_total=0 rpc_call_total=0 nodeid=\S+ context=node$/;
    await expect.poll(() => ropeway!.output.filter((text) => line.test(text)).length, { timeout: 20_000 }).toBeGreaterThan(1);
    expect(ropeway.output.filter((text) => text.includes(" INF metrics ") && !line.test(text))).toEqual([]);
    expect(ropeway.output).toContainEqual(expect.stringContaining(" INF log metrics interval=1 fields=rpc_call_total,failed_auths_total "));
    expect(ropeway.output).toContainEqual(expect.stringContaining("metrics_log_interval is deprecated: use metrics_rotate_interval"));
  });
});
