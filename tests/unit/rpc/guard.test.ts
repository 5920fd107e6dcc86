import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { guarded, type GuardOptions } from "../../../src/rpc/guard.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { scriptedController } from "../../support/scripted-controller.ts";
import { settle } from "../../support/settle.ts";
import { commandOf, disconnectOf } from "./requests.ts";

function setUp(options: Partial<GuardOptions> = {}) {
  const { controller, calls, running } = scriptedController();
  const clock = new FakeClock();
  const metrics = createMetrics();
  const guard = guarded(controller, { clock, random: () => 0.5, metrics, ...options });
  const call = (sid = "a", signal: AbortSignal = new AbortController().signal): Promise<unknown> => guard.command(commandOf(sid), signal);
  return { guard, call, calls, running, clock, metrics };
}

/** What a call came to. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => "answered",
    (error: { code?: string }) => error.code,
  );
}

describe("guarded", () => {
  it("passes all three calls on, and the rest of the port", async () => {
    const events: string[] = [];
    const { controller, running } = scriptedController({
      needsEnv: false,
      start: async () => void events.push("start"),
      stop: async () => void events.push("stop"),
      isReachable: () => false,
    });
    const guard = guarded(controller, { clock: new FakeClock(), random: Math.random, metrics: createMetrics() });
    expect(guard.needsEnv).toBe(false);
    expect(guard.isReachable?.()).toBe(false);
    await guard.start?.();
    await guard.stop?.();
    expect(events).toEqual(["start", "stop"]);
    const { signal } = new AbortController();
    const answers = [
      guard.connect(commandOf("a"), signal),
      guard.command(commandOf("b"), signal),
      guard.disconnect(disconnectOf("c"), signal),
    ];
    await settle();
    expect(running.map(({ request }) => request.sid)).toEqual(["a", "b", "c"]);
    for (const call of running.slice()) call.answer();
    expect(await Promise.all(answers)).toMatchObject([{ status: "rejected" }, { status: "accepted" }, undefined]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("does not invent what the controller lacks", () => {
    const { guard } = setUp();
    expect([guard.start, guard.stop, guard.isReachable]).toEqual([undefined, undefined, undefined]);
  });

  it("gives a call up after 3 s", async () => {
    const { call, running, clock, metrics } = setUp();
    const answer = outcome(call());
    await settle();
    clock.advance(2_999);
    await settle();
    expect(running).toHaveLength(1);
    clock.advance(1);
    expect(await answer).toBe("rpc.timeout");
    expect(running).toEqual([]);
    expect(metrics.counters).toMatchObject({ rpc_call_total: 1, rpc_error_total: 1, rpc_timeout_total: 1, rpc_canceled_total: 0 });
  });

  it("counts the wait for a slot into those", async () => {
    const { call, calls, clock } = setUp({ concurrency: 1, commandTimeoutMs: 500 });
    const first = outcome(call("a"));
    clock.advance(300);
    const second = outcome(call("b"));
    clock.advance(200);
    expect(await first).toBe("rpc.timeout");
    await settle();
    // It has the slot now, but only what is left of its time.
    expect(calls).toHaveLength(2);
    clock.advance(300);
    expect(await second).toBe("rpc.timeout");
    expect(clock.pending).toBe(0);
  });

  it("counts attempts and pauses into those, and says what the last attempt came to", async () => {
    const { call, calls, running, clock, metrics } = setUp({ commandTimeoutMs: 180 });
    const answer = call();
    const failure = expect(answer).rejects.toMatchObject({
      code: "rpc.timeout",
      message: expect.stringContaining("connection refused") as string,
    });
    await settle();
    running[0]!.fail("rpc.unavailable");
    await settle();
    clock.advance(100);
    await settle();
    running[0]!.fail("rpc.unavailable", "connection refused");
    await settle();
    clock.advance(80);
    await failure;
    expect(calls).toHaveLength(2);
    expect(clock.pending).toBe(0);
    expect(metrics.counters).toMatchObject({ rpc_call_total: 1, rpc_retries_total: 1, rpc_timeout_total: 1 });
  });

  it("keeps its slot between attempts", async () => {
    const { call, calls, running, clock } = setUp({ concurrency: 1 });
    void outcome(call("a"));
    void outcome(call("b"));
    await settle();
    running[0]!.fail("rpc.unavailable");
    await settle();
    expect(running).toEqual([]);
    clock.advance(100);
    await settle();
    expect(calls.map(({ request }) => request.sid)).toEqual(["a", "a"]);
  });

  it("limits the time of one attempt, and makes no other", async () => {
    const { call, calls, clock, metrics } = setUp({ requestTimeoutMs: 200 });
    const answer = outcome(call());
    await settle();
    clock.advance(200);
    expect(await answer).toBe("rpc.timeout");
    expect(calls).toHaveLength(1);
    expect(metrics.counters).toMatchObject({ rpc_timeout_total: 1, rpc_retries_total: 0 });
  });

  it("gives every attempt that time anew", async () => {
    const { call, running, clock } = setUp({ requestTimeoutMs: 200 });
    const answer = outcome(call());
    await settle();
    clock.advance(150);
    running[0]!.fail("rpc.unavailable");
    await settle();
    clock.advance(100);
    await settle();
    clock.advance(150);
    running[0]!.answer();
    expect(await answer).toBe("answered");
  });

  it("waits as long as it takes when told to", async () => {
    const { call, running, clock } = setUp({ commandTimeoutMs: 0 });
    const answer = outcome(call());
    await settle();
    expect(clock.pending).toBe(0);
    clock.advance(3_600_000);
    running[0]!.answer();
    expect(await answer).toBe("answered");
  });

  it("gives a call up with its client, wherever it is", async () => {
    const { call, calls, running, clock, metrics } = setUp({ concurrency: 1 });
    const [working, waiting] = [new AbortController(), new AbortController()];
    const answers = [outcome(call("working", working.signal)), outcome(call("waiting", waiting.signal))];
    await settle();
    waiting.abort();
    working.abort();
    expect(await Promise.all(answers)).toEqual(["rpc.canceled", "rpc.canceled"]);
    expect(calls).toHaveLength(1);
    expect(running).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(metrics.counters).toMatchObject({ rpc_call_total: 2, rpc_canceled_total: 2, rpc_error_total: 0, rpc_timeout_total: 0 });
    expect(getEventListeners(working.signal, "abort")).toEqual([]);
  });

  it("counts what broke, and observes how long everything took", async () => {
    const { call, running, clock, metrics } = setUp();
    const answers = [outcome(call()), outcome(call())];
    await settle();
    clock.advance(30);
    running[0]!.answer();
    running[0]!.fail("rpc.failed");
    expect(await Promise.all(answers)).toEqual(["answered", "rpc.failed"]);
    expect(metrics.counters).toMatchObject({ rpc_call_total: 2, rpc_error_total: 1, rpc_timeout_total: 0 });
    const { bounds, counts, sum } = metrics.histograms.rpc_duration_seconds;
    expect(counts[bounds.indexOf(0.05)]).toBe(2);
    expect(sum).toBeCloseTo(0.06);
  });
});
