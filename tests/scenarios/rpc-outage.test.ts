import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { Refusal, type Application } from "../support/application.ts";
import { CableClient } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { readinessOf } from "../support/readiness.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { rpcRoads, type RpcApp } from "../support/rpc-road.ts";
import { hears, says, Status } from "../support/rpc-stage.ts";

const polite: Application = {
  connect: (_request, { sid }) => ({ identifiers: "{}", transmissions: [says.welcome(sid)] }),
  command: ({ command, identifier }) =>
    command === "subscribe" ? { streams: [identifier], transmissions: [says.confirm(identifier)] } : {},
};

describe.each(rpcRoads)("an application behind $name that is away", (road) => {
  const apps: RpcApp[] = [];
  let server: Ropeway | undefined;

  afterEach(async () => {
    await server?.stop();
    for (const app of apps.splice(0)) await app.kill();
  });

  async function app(port: number, application: Application = polite): Promise<RpcApp> {
    const started = await road.startApp({ port, application });
    apps.push(started);
    return started;
  }

  async function start(port: number, flags: readonly string[] = ["--rpc_command_timeout=10000"]): Promise<Ropeway> {
    server = await startRopeway([`--rpc_host=${road.target(port)}`, ...flags]);
    return server;
  }

  it("at the start is waited for, by any number of clients", async () => {
    const port = await freePort();
    const ropeway = await start(port);
    const clients = Array.from({ length: 60 }, () => new CableClient(ropeway.cable));
    await ropeway.logged("the application can't be reached; trying on");
    await ropeway.metricBecomes("anycable_go_rpc_pending_num", 60 - 28);
    const connections = (): Promise<number> => ropeway.metric("anycable_go_grpc_active_conn_num");
    if (road.name === "gRPC") expect(await connections()).toBe(0);
    expect(await readinessOf(ropeway)).toMatchObject({ http: 200, status: "degraded", rpc: { ok: false } });

    await app(port);
    for (const client of clients) expect(await client.next()).toMatchObject({ type: "welcome" });
    expect(await ropeway.metric("anycable_go_clients_num")).toBe(60);
    if (road.name === "gRPC") expect(await connections()).toBe(1);
    expect(await ropeway.metric("anycable_go_rpc_error_total")).toBe(0);
    await ropeway.logged("the application can be reached again");
    expect(await readinessOf(ropeway)).toMatchObject({ http: 200, status: "ready", rpc: { ok: true } });
    for (const client of clients) await client.drop();
  });

  it("for longer than rpc_command_timeout costs those who wait their connection, and nobody later", async () => {
    const port = await freePort();
    const ropeway = await start(port, ["--rpc_command_timeout=1000"]);
    const early = new CableClient(ropeway.cable);
    expect(await early.ended).toEqual({ code: 1011, reason: "Auth Error" });
    expect(early.unread).toEqual([]);
    const { error } = await ropeway.logged("connection refused: the application could not be asked", ({ code }) => code === "rpc.timeout");
    expect(error).toContain(`127.0.0.1:${port}`);
    await app(port);
    await expect
      .poll(async () => {
        const client = new CableClient(ropeway.cable);
        const heard = await Promise.race([client.next(), client.ended]).catch(() => undefined);
        await client.drop();
        return heard;
      })
      .toMatchObject({ type: "welcome" });
  });

  it("keeps its clients, who go on hearing what is published, and serves them when it is back", async () => {
    const first = await app(0);
    const ropeway = await start(first.port);
    const client = await CableClient.connect(ropeway.cable);
    expect(await client.subscribe("one")).toEqual(hears.confirm("one"));

    await first.kill();
    client.say({ command: "subscribe", identifier: "two" });
    const newcomer = new CableClient(ropeway.cable);
    await ropeway.logged("the application can't be reached; trying on");
    await ropeway.publish({ stream: "one", data: '"news"' });
    expect(await client.next()).toEqual({ identifier: "one", message: "news" });

    const second = await app(first.port);
    expect(await client.next()).toEqual(hears.confirm("two"));
    expect(await newcomer.next()).toMatchObject({ type: "welcome" });
    expect(second.calls.map(({ method }) => method).toSorted()).toEqual(["Command", "Connect"]);
    await ropeway.logged("the application can be reached again");
    await ropeway.publish({ stream: "two", data: "2" });
    expect(await client.next()).toEqual({ identifier: "two", message: 2 });
    await client.close();
    await newcomer.close();
  });

  it("because it died in the middle of a call is asked again when it is back", async () => {
    const first = await app(0, { ...polite, command: () => new Promise(() => {}) });
    const ropeway = await start(first.port);
    const client = await CableClient.connect(ropeway.cable);
    client.say({ command: "subscribe", identifier: "one" });
    await expect.poll(() => first.calls).toHaveLength(2);

    await first.kill();
    const second = await app(first.port);
    expect(await client.next()).toEqual(hears.confirm("one"));
    expect(await client.sync()).toEqual([]);
    expect(second.calls).toHaveLength(1);
    expect(await ropeway.metric("anycable_go_rpc_error_total")).toBe(0);
    await client.close();
  });

  it("and comes back too late for a subscription leaves it unanswered, and free to be tried again", async () => {
    const first = await app(0);
    const ropeway = await start(first.port, ["--rpc_command_timeout=1000"]);
    const client = await CableClient.connect(ropeway.cable);
    await first.kill();
    client.say({ command: "subscribe", identifier: "one" });
    await ropeway.logged("command failed", ({ code }) => code === "rpc.timeout");
    expect(await client.sync()).toEqual([]);
    await app(first.port);
    const subscribing = (): Promise<unknown[]> => {
      client.say({ command: "subscribe", identifier: "one" });
      return client.sync();
    };
    await expect.poll(subscribing, { timeout: 10_000 }).toEqual([hears.confirm("one")]);
    await client.close();
  });
});

describe.each(rpcRoads)("an application behind $name that refuses a call", (road) => {
  /** Answers like this until it has done so `times` times, then politely. */
  async function refusing(
    times: number,
    refuse: NonNullable<Application["command"]>,
  ): Promise<{ readonly ropeway: Ropeway; readonly client: CableClient; readonly asked: () => number }> {
    let left = times;
    const application: Application = {
      ...polite,
      command: (request, call) => (left-- > 0 ? refuse : polite.command!)(request, call),
    };
    const app = await road.startApp({ application });
    const ropeway = await startRopeway([
      `--rpc_host=${road.target(app.port)}`,
      "--rpc_command_timeout=10000",
      "--rpc_request_timeout=1500",
    ]);
    onTestFinished(async () => {
      await ropeway.stop();
      await app.kill();
    });
    const client = await CableClient.connect(ropeway.cable);
    return { ropeway, client, asked: () => app.calls.filter(({ method }) => method === "Command").length };
  }

  it.each(["exhausted", "unavailable"] as const)("because it is %s for a moment is asked again", async (kind) => {
    const { ropeway, client, asked } = await refusing(3, () => Promise.reject(new Refusal(kind, "later")));
    expect(await client.subscribe("one")).toEqual(hears.confirm("one"));
    expect(await client.sync()).toEqual([]);
    expect(asked()).toBe(4);
    expect(await ropeway.metric("anycable_go_rpc_retries_total")).toBe(3);
    expect(await ropeway.metric("anycable_go_rpc_error_total")).toBe(0);
  });

  it.each([
    ["it fails", () => Promise.reject(new Error("boom"))],
    ["it says ERROR", () => ({ status: Status.ERROR })],
    ["it refuses our credentials", () => Promise.reject(new Refusal("unauthenticated", "who?"))],
    ["it takes longer than rpc_request_timeout", () => new Promise<never>(() => {})],
    ["its answer is garbage", () => Uint8Array.from([0xff])],
  ] as const)("because %s is not asked again", async (_what, refuse) => {
    const { ropeway, client, asked } = await refusing(1, refuse);
    client.say({ command: "subscribe", identifier: "one" });
    await ropeway.logged("command failed");
    expect(await client.sync()).toEqual([]);
    expect(asked()).toBe(1);
    expect(await ropeway.metric("anycable_go_rpc_retries_total")).toBe(0);
    expect(await client.subscribe("one")).toEqual(hears.confirm("one"));
  });
});
