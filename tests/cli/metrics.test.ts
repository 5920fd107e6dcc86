import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { counters, gauges, histograms } from "../../src/metrics/definitions.ts";
import { Refusal } from "../support/application.ts";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { deferred } from "../support/deferred.ts";
import { freePort } from "../support/free-port.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

async function page(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  return response.text();
}

describe("metrics in Prometheus's format", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, '--metrics_tags=env:te"st,zone:a']);
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  it("have every name, with its help, its type, a number and the tags", async () => {
    const text = await page(ropeway.http("/metrics"));
    const tags = 'env="te\\"st",zone="a"';
    for (const [type, table] of [
      ["counter", counters],
      ["gauge", gauges],
    ] as const) {
      for (const [name, help] of Object.entries(table)) {
        expect(text).toContain(`# HELP anycable_go_${name} ${help}\n# TYPE anycable_go_${name} ${type}\nanycable_go_${name}{${tags}} `);
      }
    }
    for (const [name, { help, buckets }] of Object.entries(histograms)) {
      expect(text).toContain(`# HELP anycable_go_${name} ${help}\n# TYPE anycable_go_${name} histogram\n`);
      for (const bound of [...buckets, "+Inf"]) expect(text).toContain(`anycable_go_${name}_bucket{le="${bound}",${tags}} 0\n`);
      expect(text).toContain(`anycable_go_${name}_sum{${tags}} 0\n`);
      expect(text).toContain(`anycable_go_${name}_count{${tags}} 0\n`);
    }
    expect(text).toMatch(/^process_cpu_seconds_total\{env="te\\"st",zone="a"\} \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds\{/m);
  });

  it("are a series of proper lines, each series once", async () => {
    const lines = (await page(ropeway.http("/metrics"))).split("\n").filter((line) => line !== "");
    const samples = lines.filter((line) => !line.startsWith("#"));
    for (const line of samples)
      expect(line).toMatch(/^[a-z_]\w*\{(?:[a-z_]\w*="(?:[^"\\]|\\.)*",?)+\} (?:-?[\d.]+(?:e[+-]?\d+)?|\+Inf|NaN)$/i);
    const series = samples.map((line) => line.slice(0, line.lastIndexOf(" ")));
    expect(new Set(series).size).toBe(series.length);
    const declared = lines.filter((line) => line.startsWith("# TYPE"));
    expect(new Set(declared).size).toBe(declared.length);
  });
});

describe("where metrics are", () => {
  it("nowhere, unless asked for", async () => {
    const ropeway = await startRopeway([...standalone, "--metrics_http="]);
    onTestFinished(async () => void (await ropeway.stop()));
    expect((await fetch(ropeway.http("/metrics"))).status).toBe(404);
  });

  it("on a port and an address of their own", async () => {
    const port = await freePort();
    const ropeway = await startRopeway([...standalone, `--metrics_port=${port}`, "--metrics_host=127.0.0.2", "--metrics_http=/numbers"]);
    onTestFinished(async () => void (await ropeway.stop()));
    expect(await page(`http://127.0.0.2:${port}/numbers`)).toContain("anycable_go_clients_num 0\n");
    expect((await fetch(ropeway.http("/numbers"))).status).toBe(404);
    // Clients are not served there.
    expect((await fetch(`http://127.0.0.2:${port}/cable`)).status).toBe(404);
    await expect(fetch(`http://127.0.0.1:${port}/numbers`)).rejects.toThrow("fetch failed");
  });
});

describe("what metrics count", () => {
  let ropeway: Ropeway;
  let app: GrpcApp;
  let refused = 0;
  let retried = 0;
  const never = deferred();

  beforeAll(async () => {
    app = await startGrpcApp({
      application: {
        connect(request) {
          const who = new URL(request.env!.url).searchParams.get("who") ?? "";
          if (who === "") refused++;
          return who === "" ? { status: 2 } : { identifiers: who, transmissions: ['{"type":"welcome"}'] };
        },
        async command({ command, identifier, data }) {
          if (command === "subscribe")
            return { streams: [identifier], transmissions: [`{"type":"confirm_subscription","identifier":${JSON.stringify(identifier)}}`] };
          if (data === "break") throw new Error("broken");
          if (data === "retry" && retried === 0) {
            retried++;
            throw new Refusal("unavailable", "not now");
          }
          if (data === "hang") await never.promise;
          return {};
        },
      },
    });
    ropeway = await startRopeway([`--rpc_host=${app.address}`, "--rpc_command_timeout=3000", "--ping_interval=0"]);
  });

  afterAll(async () => {
    await ropeway.stop();
    never.resolve();
    await app.kill();
  });

  /** Every client has left, and the application has answered to that. */
  async function allToldAndDone(): Promise<void> {
    await ropeway.metricBecomes("anycable_go_clients_num", 0);
    const callsOf = (name: string): number => app.calls.filter(({ method }) => method === name).length;
    await expect.poll(() => callsOf("Disconnect")).toBe(callsOf("Connect") - refused);
    await ropeway.metricBecomes("anycable_go_rpc_duration_seconds_count", app.calls.length - retried);
  }

  // Nothing of one test goes on in the next.
  afterEach(allToldAndDone);

  /** Metrics that a piece of work changed, and by how much. Names are without prefix. */
  async function changedBy(work: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
    const before = await readings();
    await work();
    const changes: Record<string, number> = {};
    for (const [name, value] of await readings()) {
      const change = value - before.get(name)!;
      if (change !== 0) changes[name] = change;
    }
    return changes;
  }

  /** Everything but what moves by itself. */
  async function readings(): Promise<Map<string, number>> {
    const all = new Map<string, number>();
    for (const [, name, value] of (await page(ropeway.http("/metrics"))).matchAll(/^anycable_go_(\w+) (\S+)$/gm)) {
      if (!/^(?:mem_sys_bytes|goroutines_num|event_loop_utilization|grpc_active_conn_num)$|_sum$/.test(name!))
        all.set(name!, Number(value));
    }
    return all;
  }

  const connect = (who: string): Promise<CableClient> => CableClient.connect(`${ropeway.cable}?who=${who}`);
  const ping = '{"command":"ping"}';
  /** What a `sync` adds. */
  const synced = { client_msg_total: 1, data_rcvd_total: ping.length, server_msg_total: 1, data_sent_total: '{"type":"pong"}'.length };

  /** The sum of several changes. */
  function sum(...changes: readonly Readonly<Record<string, number>>[]): Record<string, number> {
    const total: Record<string, number> = {};
    for (const change of changes) for (const [name, by] of Object.entries(change)) total[name] = (total[name] ?? 0) + by;
    return total;
  }

  const call = { rpc_call_total: 1, rpc_duration_seconds_count: 1 };
  const welcome = '{"type":"welcome"}';

  it("connections, accepted and refused, and who is there", async () => {
    let clients: CableClient[] = [];
    const arriving = await changedBy(async () => {
      clients = [await connect("anna"), await connect("anna"), await connect("ben")];
    });
    expect(arriving).toEqual({
      clients_num: 3,
      clients_uniq_num: 2,
      server_msg_total: 3,
      data_sent_total: 3 * welcome.length,
      rpc_call_total: 3,
      rpc_duration_seconds_count: 3,
    });
    expect(await ropeway.metric("anycable_go_grpc_active_conn_num")).toBe(1);
    expect(await changedBy(async () => void (await new CableClient(ropeway.cable).ended))).toEqual({ ...call, failed_auths_total: 1 });
    const leaving = await changedBy(async () => {
      for (const client of clients) await client.close();
      await allToldAndDone();
    });
    expect(leaving).toEqual({ clients_num: -3, clients_uniq_num: -2, rpc_call_total: 3, rpc_duration_seconds_count: 3 });
  });

  it("messages of clients, with and without sense", async () => {
    const client = await connect("anna");
    expect(await changedBy(async () => void (await client.sync()))).toEqual(synced);
    const sent = ['{"command":', '{"command":"dance"}', '{"command":"message","identifier":"nobody","data":"x"}'];
    const nonsense = await changedBy(async () => {
      for (const text of sent) client.socket.send(text);
      await client.sync();
    });
    // The first is no message at all.
    expect(nonsense).toEqual(sum(synced, { client_msg_total: 2, failed_client_msg_total: 3, data_rcvd_total: sent.join("").length }));
    await client.close();
  });

  it("subscriptions, publications and what becomes of them", async () => {
    const [anna, ben] = [await connect("anna"), await connect("ben")];
    const subscribing = await changedBy(async () => {
      for (const client of [anna, ben]) await client.subscribe("s");
    });
    expect(subscribing).toMatchObject({ broadcast_streams_num: 1, client_msg_total: 2, rpc_call_total: 2 });

    const publishing = await changedBy(async () => {
      expect(await ropeway.publish({ stream: "s", data: "1" })).toBe(201);
      for (const client of [anna, ben]) await client.next();
    });
    expect(publishing).toMatchObject({
      publications_total: 1,
      broadcast_msg_total: 1,
      server_msg_total: 2,
      data_sent_total: 2 * '{"identifier":"s","message":1}'.length,
      publication_delivery_seconds_count: 1,
    });
    // A message to nobody is delivered to nobody; a batch is as many as are in it.
    const more = await changedBy(async () => {
      expect(await ropeway.publish([1, 2, 3].map((data) => ({ stream: "nobody", data: String(data) })))).toBe(201);
      expect(await ropeway.publish({ nonsense: true })).toBe(422);
    });
    expect(more).toEqual({ publications_total: 3, broadcast_msg_total: 3, failed_broadcast_msg_total: 1 });

    const disconnecting = await changedBy(async () => {
      expect(await ropeway.publish({ command: "disconnect", payload: { identifier: "ben" } })).toBe(201);
      await ben.ended;
      await ropeway.metricBecomes("anycable_go_clients_num", 1);
    });
    expect(disconnecting).toMatchObject({ publications_total: 1, broadcast_msg_total: 1, remote_commands_total: 1, server_msg_total: 1 });
    await anna.close();
    await ropeway.metricBecomes("anycable_go_broadcast_streams_num", 0);
  });

  it("calls to the application that break, are made again, time out or are given up", async () => {
    const client = await connect("anna");
    await client.subscribe("s");
    const perform = (data: string): void => client.say({ command: "message", identifier: "s", data });
    const byPerforming = (data: string): Promise<Readonly<Record<string, number>>> =>
      changedBy(async () => {
        perform(data);
        await client.sync();
      });
    expect(await byPerforming("fine")).toMatchObject({ ...call, client_msg_total: 2 });
    expect(await byPerforming("fine")).not.toHaveProperty("rpc_error_total");
    expect(await byPerforming("break")).toMatchObject({ ...call, rpc_error_total: 1, failed_client_msg_total: 1 });
    expect(await byPerforming("retry")).toMatchObject({ ...call, rpc_retries_total: 1 });
    expect(await byPerforming("hang")).toMatchObject({ ...call, rpc_timeout_total: 1, failed_client_msg_total: 1 });

    const givenUp = await changedBy(async () => {
      const seen = app.calls.length;
      perform("hang");
      await expect.poll(() => app.calls.length).toBe(seen + 1);
      await client.drop();
      await ropeway.metricBecomes("anycable_go_rpc_canceled_total", 1);
    });
    expect(givenUp).toMatchObject({ rpc_canceled_total: 1, clients_num: -1 });
  });
});

describe("the time that publications take", () => {
  it("is observed once for each that anybody heard", async () => {
    const ropeway = await startRopeway(standalone);
    onTestFinished(async () => void (await ropeway.stop()));
    const clients = await Promise.all([1, 2, 3].map(() => CableClient.connect(ropeway.cable)));
    for (const client of clients) await client.subscribe(publicStream("a"));
    for (let number = 0; number < 10; number++) expect(await ropeway.publish({ stream: "a", data: String(number) })).toBe(201);
    for (const client of clients) expect(await client.sync()).toHaveLength(10);
    const text = await page(ropeway.http("/metrics"));
    const number = (series: string): number => Number(text.split(`anycable_go_publication_delivery_seconds_${series} `)[1]?.split("\n")[0]);
    expect(number("count")).toBe(10);
    expect(number('bucket{le="+Inf"}')).toBe(10);
    expect(number("sum")).toBeGreaterThan(0);
  });
});
