import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { limited } from "../../../src/rpc/limit.ts";
import { scriptedController } from "../../support/scripted-controller.ts";
import { settle } from "../../support/settle.ts";
import { commandOf } from "./requests.ts";

function setUp(concurrency?: number) {
  const { controller, calls, running } = scriptedController();
  const metrics = createMetrics();
  const guard = limited(controller, { metrics, ...(concurrency !== undefined && { concurrency }) });
  const call = (sid: string, signal: AbortSignal = new AbortController().signal): Promise<unknown> => guard.command(commandOf(sid), signal);
  return { call, running, sids: () => calls.map(({ request }) => request.sid), pending: () => metrics.gauges.rpc_pending_num?.() };
}

describe("limited", () => {
  it("lets 28 calls run at once by default", async () => {
    const { call, running, pending } = setUp();
    const all = Array.from({ length: 30 }, (_, index) => call(String(index)));
    await settle();
    expect(running).toHaveLength(28);
    expect(pending()).toBe(2);
    while (running.length > 0) {
      running[0]!.answer();
      await settle();
    }
    await Promise.all(all);
    expect(pending()).toBe(0);
  });

  it("serves first who came first", async () => {
    const { call, running, sids } = setUp(2);
    const all = ["a", "b", "c", "d", "e"].map((sid) => call(sid));
    await settle();
    expect(sids()).toEqual(["a", "b"]);
    running[1]!.answer();
    await settle();
    expect(sids()).toEqual(["a", "b", "c"]);
    while (running.length > 0) {
      running[0]!.answer();
      await settle();
    }
    await Promise.all(all);
    expect(sids()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("passes a failed call's slot on", async () => {
    const { call, running, sids } = setUp(1);
    const first = call("a");
    const second = call("b");
    await settle();
    running[0]!.fail("rpc.failed");
    await expect(first).rejects.toMatchObject({ code: "rpc.failed" });
    expect(sids()).toEqual(["a", "b"]);
    running[0]!.answer();
    await second;
  });

  it("lets those who give up leave the line at once, from anywhere in it", async () => {
    const { call, running, sids, pending } = setUp(1);
    const clients = ["b", "c", "d", "e"].map((sid) => {
      const client = new AbortController();
      return { client, answer: call(sid, client.signal) };
    });
    expect(pending()).toBe(3);
    for (const index of [1, 3]) {
      clients[index]!.client.abort();
      await expect(clients[index]!.answer).rejects.toMatchObject({ code: "rpc.canceled" });
    }
    expect(pending()).toBe(1);
    running[0]!.answer();
    await settle();
    expect(sids()).toEqual(["b", "d"]);
    running[0]!.answer();
    await Promise.all([clients[0]!.answer, clients[2]!.answer]);
    // The slot is free again.
    void call("f");
    expect(sids()).toEqual(["b", "d", "f"]);
  });

  it("does not lose a slot that was given to somebody who gave up in the same moment", async () => {
    const { call, running } = setUp(1);
    const client = new AbortController();
    const first = call("a");
    const second = call("b", client.signal);
    await settle();
    running[0]!.answer();
    client.abort();
    await first;
    await expect(second).rejects.toMatchObject({ code: "rpc.canceled" });
    const third = call("c");
    await settle();
    running[0]!.answer();
    await third;
  });

  it("does not let anybody wait whose signal has fired already", async () => {
    const { call, pending } = setUp(1);
    void call("a");
    await expect(call("b", AbortSignal.abort())).rejects.toMatchObject({ code: "rpc.canceled" });
    expect(pending()).toBe(0);
  });

  it("leaves nothing behind on signals", async () => {
    const { call, running } = setUp(1);
    const { signal } = new AbortController();
    const all = [call("a", signal), call("b", signal), call("c", signal)];
    while (running.length > 0) {
      running[0]!.answer();
      await settle();
    }
    await Promise.all(all);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
