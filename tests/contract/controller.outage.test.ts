import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, type Metrics } from "../../src/metrics/metrics.ts";
import type { Controller } from "../../src/rpc/controller.ts";
import { Refusal, type Application } from "../support/application.ts";
import { deferred } from "../support/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { rpcRoads, type RpcApp, type RpcAppOptions } from "../support/rpc-road.ts";
import { codeOf, commandRequest, connectRequest } from "./controller.contract.ts";

const never = (): AbortSignal => new AbortController().signal;

/** Takes commands and never answers; says when the first has come. */
function stuck(): { readonly application: Application; readonly arrived: Promise<unknown> } {
  const arrived = deferred();
  const command = (): Promise<never> => {
    arrived.resolve();
    return new Promise(() => {});
  };
  return { application: { command }, arrived: arrived.promise };
}

// What each of them does besides is in controller.grpc-outage and controller.http-outage.
describe.each(rpcRoads)("$name to an application that is away", (road) => {
  const endings: (() => Promise<unknown> | undefined)[] = [];

  afterEach(async () => {
    for (const end of endings.splice(0).toReversed()) await end();
  });

  async function startApp(options: RpcAppOptions = {}): Promise<RpcApp> {
    const app = await road.startApp(options);
    endings.push(() => app.kill());
    return app;
  }

  /** Has begun to connect. */
  async function open(port: number): Promise<Controller> {
    const controller = road.open(road.target(port));
    endings.push(() => controller.stop?.());
    await controller.start?.();
    return controller;
  }

  it("fails the calls that it was working on, makes none of them twice, and takes the next ones when it is back", async () => {
    const { application, arrived } = stuck();
    const app = await startApp({ application });
    const controller = await open(app.port);
    const code = codeOf(controller.command(commandRequest, never()));
    await arrived;
    await app.kill();
    expect(await code).toBe("rpc.unavailable");
    await eventually(() => controller.isReachable?.()).toBe(false);
    expect(app.calls).toHaveLength(1);

    const again = await startApp({ port: app.port });
    expect(await controller.command(commandRequest, never())).toMatchObject({ status: "accepted" });
    expect(again.calls).toHaveLength(1);
  });

  describe("with the guard around it", () => {
    async function guarded(
      port: number,
      limits: { readonly commandTimeoutMs?: number; readonly requestTimeoutMs?: number } = {},
    ): Promise<{ readonly controller: Controller; readonly metrics: Metrics }> {
      const metrics = createMetrics();
      return { controller: road.guard(await open(port), { metrics, ...limits }), metrics };
    }

    it.each(["unavailable", "exhausted"] as const)("makes a call again that was refused as %s", async (kind) => {
      let attempts = 0;
      const app = await startApp({
        application: {
          connect: () => {
            if (++attempts < 3) throw new Refusal(kind, "not now");
            return { identifiers: "jane" };
          },
        },
      });
      const { controller, metrics } = await guarded(app.port);
      expect(await controller.connect(connectRequest, never())).toMatchObject({ identifiers: "jane" });
      expect(metrics.counters).toMatchObject({ rpc_call_total: 1, rpc_retries_total: 2, rpc_error_total: 0 });
    });

    it("makes a call again whose application died in the middle of it, once that is back", async () => {
      const { application, arrived } = stuck();
      const app = await startApp({ application });
      const { controller, metrics } = await guarded(app.port);
      const answer = controller.command(commandRequest, never());
      await arrived;
      await app.kill();
      await startApp({ port: app.port, application: { command: () => ({ streams: ["second attempt"] }) } });
      expect(await answer).toMatchObject({ streams: ["second attempt"] });
      expect(metrics.counters.rpc_retries_total).toBeGreaterThan(0);
      expect(metrics.counters).toMatchObject({ rpc_call_total: 1, rpc_error_total: 0 });
    });

    it("waits for an application that restarts, again and again, and loses no call by it", async () => {
      let app = await startApp();
      const { controller, metrics } = await guarded(app.port);
      for (let round = 0; round < 3; round++) {
        await controller.connect(connectRequest, never());
        await app.kill();
        const calls = Array.from({ length: 40 }, () => controller.connect(connectRequest, never()));
        await eventually(() => controller.isReachable?.()).toBe(false);
        app = await startApp({ port: app.port });
        expect(await Promise.all(calls)).toHaveLength(40);
      }
      expect(metrics.counters.rpc_error_total).toBe(0);
      expect(controller.isReachable?.()).toBe(true);
    });

    it("gives up in time when nobody is there, and says why", async () => {
      const { controller, metrics } = await guarded(await freePort(), { commandTimeoutMs: 1_000 });
      await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({
        code: "rpc.timeout",
        message: expect.stringMatching(/within the 1000 ms of rpc_command_timeout; .*ECONNREFUSED/) as string,
      });
      expect(metrics.counters).toMatchObject({ rpc_call_total: 1, rpc_error_total: 1, rpc_timeout_total: 1, rpc_canceled_total: 0 });
    });

    it("gives up an attempt that takes too long, does not make it again, and tells the application", async () => {
      const app = await startApp({ application: stuck().application });
      const { controller, metrics } = await guarded(app.port, { requestTimeoutMs: 500 });
      expect(await codeOf(controller.command(commandRequest, never()))).toBe("rpc.timeout");
      expect(metrics.counters).toMatchObject({ rpc_retries_total: 0, rpc_timeout_total: 1 });
      expect(app.calls).toHaveLength(1);
      await eventually(() => app.calls[0]!.canceled.aborted).toBe(true);
    });
  });
});
