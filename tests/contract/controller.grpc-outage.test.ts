import dns from "node:dns";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Controller } from "../../src/rpc/controller.ts";
import { grpcController, type GrpcControllerOptions } from "../../src/rpc/grpc.ts";
import { deferred } from "../support/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { startGrpcApp, type GrpcApp, type GrpcAppOptions } from "../support/grpc-app.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { codeOf, commandRequest, connectRequest } from "./controller.contract.ts";

const endings: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function startApp(options: GrpcAppOptions = {}): Promise<GrpcApp> {
  const app = await startGrpcApp(options);
  endings.push(() => app.kill());
  return app;
}

/** Has begun to connect. */
async function open(options: GrpcControllerOptions): Promise<Controller> {
  const controller = grpcController(options);
  endings.push(() => controller.stop?.());
  await controller.start?.();
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe("a gRPC application that is away", () => {
  it("may come later: calls wait for it", async () => {
    const port = await freePort();
    const { logger, messages } = recordedLog();
    const metrics = createMetrics();
    const controller = await open({ target: `127.0.0.1:${port}`, logger, metrics });
    const answers = Promise.all(Array.from({ length: 10 }, () => controller.connect(connectRequest, never())));
    await eventually(messages).toContain("the application can't be reached; trying on");
    expect(controller.isReachable?.()).toBe(false);
    expect(metrics.gauges.grpc_active_conn_num?.()).toBe(0);

    await startApp({ port });
    expect(await answers).toHaveLength(10);
    expect(controller.isReachable?.()).toBe(true);
    expect(metrics.gauges.grpc_active_conn_num?.()).toBe(1);
    expect(messages()).toEqual(["the application can't be reached; trying on", "the application can be reached again"]);
  });

  it("says to whom gave up waiting what it waited for", async () => {
    const port = await freePort();
    const { logger, lines } = recordedLog();
    const controller = await open({ target: `localhost:${port}`, logger });
    const client = new AbortController();
    const waiting = controller.connect(connectRequest, client.signal);
    await eventually(() => lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    client.abort();
    await expect(waiting).rejects.toMatchObject({
      code: "rpc.canceled",
      message: expect.stringMatching(`no connection to localhost:${port} \\(connect ECONNREFUSED .*:${port}`) as string,
    });
  });

  it("may ask to be connected to anew, and loses no call by it", async () => {
    const arrived = deferred();
    const finish = deferred<object>();
    const app = await startApp({
      application: {
        command: () => {
          arrived.resolve();
          return finish.promise;
        },
      },
    });
    const controller = await open({ target: app.address });
    const running = controller.command(commandRequest, never());
    await arrived.promise;
    app.goAway();
    await eventually(() => app.connections()).toBe(2);
    await controller.connect(connectRequest, never());
    finish.resolve({ streams: ["finished"] });
    expect(await running).toMatchObject({ streams: ["finished"] });
    await eventually(() => app.connections()).toBe(1);
  });

  it("may be a server that speaks something else", async () => {
    const server = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { logger, messages } = recordedLog();
    const controller = await open({ target: `127.0.0.1:${port}`, logger });
    await eventually(messages).toContain("the application can't be reached; trying on");
    server.close();
    await once(server, "close");
    await startApp({ port });
    await controller.connect(connectRequest, never());
  });
});

describe("several gRPC servers", () => {
  it("take turns", async () => {
    const apps = [await startApp(), await startApp(), await startApp()];
    const metrics = createMetrics();
    const controller = await open({ target: `grpc-list://${apps.map(({ address }) => address).join(",")}`, metrics });
    await eventually(() => metrics.gauges.grpc_active_conn_num?.()).toBe(3);
    for (let call = 0; call < 30; call++) await controller.connect(connectRequest, never());
    expect(apps.map(({ calls }) => calls.length)).toEqual([10, 10, 10]);
    expect(apps.map((app) => app.connections())).toEqual([1, 1, 1]);
  });

  it("do without one that is dead, and without one whose name nobody knows", async () => {
    const [left, right] = [await startApp(), await startApp()];
    const metrics = createMetrics();
    const { logger, messages } = recordedLog();
    const target = `grpc-list://${left.address},127.0.0.1:${await freePort()},no-such-host.invalid:1,localhost:${right.port}`;
    const controller = await open({ target, metrics, logger });
    await eventually(() => metrics.gauges.grpc_active_conn_num?.()).toBe(2);
    for (let call = 0; call < 10; call++) await controller.connect(connectRequest, never());
    expect([left.calls.length, right.calls.length]).toEqual([5, 5]);
    expect(messages()).toEqual([]);
  });

  it("take over from one that dies, and give back when it returns", async () => {
    const [left, right] = [await startApp(), await startApp()];
    const metrics = createMetrics();
    const controller = await open({ target: `grpc-list://${left.address},${right.address}`, metrics });
    const connections = (): number | undefined => metrics.gauges.grpc_active_conn_num?.();
    await eventually(connections).toBe(2);
    await left.kill();
    await eventually(connections).toBe(1);
    for (let call = 0; call < 4; call++) await controller.connect(connectRequest, never());
    expect(right.calls).toHaveLength(4);

    const again = await startApp({ port: left.port });
    await eventually(connections).toBe(2);
    for (let call = 0; call < 4; call++) await controller.connect(connectRequest, never());
    expect([again.calls.length, right.calls.length]).toEqual([2, 6]);
  });
});

describe("the name of a gRPC server", () => {
  /** What the machine's resolver knows. */
  function nameService(addresses: Readonly<Record<string, string>>): {
    readonly addresses: Map<string, string>;
    readonly lookups: string[];
  } {
    const state = { addresses: new Map(Object.entries(addresses)), lookups: [] as string[] };
    const lookup = vi.spyOn(dns.promises, "lookup").mockImplementation((async (name: string) => {
      state.lookups.push(name);
      const address = state.addresses.get(name);
      if (address === undefined) throw new Error(`ENOTFOUND ${name}`);
      return [{ address, family: 4 }];
    }) as unknown as typeof dns.promises.lookup);
    endings.push(async () => lookup.mockRestore());
    return state;
  }

  it("may be unknown: that is said, and it is tried on", async () => {
    const { logger, lines } = recordedLog();
    const controller = await open({ target: "dns:///no-such-host.invalid:50051", logger });
    const client = new AbortController();
    const waiting = controller.connect(connectRequest, client.signal);
    await eventually(() => lines.find(({ level }) => level === "warn")?.fields.error).toMatch(/no-such-host\.invalid/);
    client.abort();
    expect(await codeOf(waiting)).toBe("rpc.canceled");
  });

  it("may become known later", async () => {
    const names = nameService({});
    const app = await startApp();
    const controller = await open({ target: `rpc.internal:${app.port}` });
    const answer = controller.connect(connectRequest, never());
    await eventually(() => names.lookups.length).toBeGreaterThan(3);
    names.addresses.set("rpc.internal", "127.0.0.1");
    expect(await answer).toMatchObject({ status: "accepted" });
  });

  it("may become known later than the others of a list", async () => {
    const names = nameService({ one: "127.0.0.1" });
    const [one, two] = [await startApp(), await startApp()];
    const metrics = createMetrics();
    await open({ target: `grpc-list://one:${one.port},two:${two.port}`, metrics });
    await eventually(() => metrics.gauges.grpc_active_conn_num?.()).toBe(1);
    await eventually(() => names.lookups.filter((name) => name === "two").length).toBeGreaterThan(3);
    names.addresses.set("two", "127.0.0.1");
    await eventually(() => metrics.gauges.grpc_active_conn_num?.()).toBe(2);
  });

  it("is looked up again when its server has gone", async () => {
    const names = nameService({ "rpc.internal": "127.0.0.1" });
    const before = await startApp();
    const controller = await open({ target: `dns:///rpc.internal:${before.port}` });
    await controller.connect(connectRequest, never());
    const after = await startApp({ host: "127.0.0.2", port: before.port });
    names.addresses.set("rpc.internal", "127.0.0.2");
    await before.kill();
    await eventually(() => names.lookups.length).toBeGreaterThan(1);
    await controller.connect(connectRequest, never());
    expect(after.calls).toHaveLength(1);
  });

  it("may be forgotten: its connections stay", async () => {
    const names = nameService({ one: "127.0.0.1", two: "127.0.0.1" });
    const [one, two] = [await startApp(), await startApp()];
    const metrics = createMetrics();
    const controller = await open({ target: `grpc-list://one:${one.port},two:${two.port}`, metrics });
    await eventually(() => metrics.gauges.grpc_active_conn_num?.()).toBe(2);
    names.addresses.delete("one");
    names.lookups.length = 0;
    // All names are looked up again when any server goes.
    await two.kill();
    await eventually(() => names.lookups.filter((name) => name === "one").length).toBeGreaterThan(1);
    expect(names.lookups).toContain("two");
    expect(one.connections()).toBe(1);
    await controller.connect(connectRequest, never());
    expect(one.calls).toHaveLength(1);
  });
});
