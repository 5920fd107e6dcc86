import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { retrying, UnavailableForNow } from "../../../src/rpc/retry.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { scriptedController } from "../../support/scripted-controller.ts";
import { settle } from "../../support/settle.ts";
import { commandOf } from "./requests.ts";

function setUp(random = 0.5, patienceMs?: number) {
  const { controller, calls, running } = scriptedController();
  const clock = new FakeClock();
  const metrics = createMetrics();
  const client = new AbortController();
  const answer = retrying(controller, { clock, random: () => random, metrics, ...(patienceMs !== undefined && { patienceMs }) }).command(
    commandOf("a"),
    client.signal,
  );
  /** Fails the running attempt; resolves to the milliseconds until the next one. */
  async function pauseAfter(code: "rpc.unavailable" | "rpc.exhausted"): Promise<number> {
    const startMs = clock.monotonicMs();
    const before = calls.length;
    running[0]!.fail(code);
    await settle();
    while (calls.length === before) {
      expect(clock.pending).toBe(1);
      clock.advance(1);
      await settle();
    }
    return clock.monotonicMs() - startMs;
  }
  return { answer, running, calls, clock, metrics, client, pauseAfter };
}

describe("retrying", () => {
  it("doubles the pause from 100 ms while the application can't be reached", async () => {
    const { answer, running, metrics, pauseAfter } = setUp();
    expect([await pauseAfter("rpc.unavailable"), await pauseAfter("rpc.unavailable"), await pauseAfter("rpc.unavailable")]).toEqual([
      100, 200, 400,
    ]);
    running[0]!.answer();
    expect(await answer).toMatchObject({ status: "accepted" });
    expect(metrics.counters.rpc_retries_total).toBe(3);
  });

  it("doubles the pause from 10 ms while the application has no capacity", async () => {
    const { answer, running, pauseAfter } = setUp();
    expect([await pauseAfter("rpc.exhausted"), await pauseAfter("rpc.exhausted"), await pauseAfter("rpc.exhausted")]).toEqual([10, 20, 40]);
    running[0]!.answer();
    await answer;
  });

  it("starts again when the kind of failure changes", async () => {
    const { answer, running, pauseAfter } = setUp();
    expect([
      await pauseAfter("rpc.unavailable"),
      await pauseAfter("rpc.unavailable"),
      await pauseAfter("rpc.exhausted"),
      await pauseAfter("rpc.exhausted"),
      await pauseAfter("rpc.unavailable"),
    ]).toEqual([100, 200, 10, 20, 100]);
    running[0]!.answer();
    await answer;
  });

  it("pauses for 5 s at most, however long it lasts", async () => {
    const { pauseAfter } = setUp();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) pauses.push(await pauseAfter("rpc.unavailable"));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it("pauses for less and less when little time is left", async () => {
    const { pauseAfter } = setUp(0.5, 3_000);
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) pauses.push(await pauseAfter("rpc.unavailable"));
    expect(pauses).toEqual([100, 200, 400, 800, 750, 375, 188, 100, 100]);
  });

  it("does not ask again before it makes sense to, and fails at once when that is too late", async () => {
    const { answer, running, clock, calls } = setUp(0.5, 3_000);
    running[0]!.fail(new UnavailableForNow("not yet", 2_000));
    await settle();
    clock.advance(1_999);
    await settle();
    expect(calls).toHaveLength(1);
    clock.advance(1);
    await settle();
    expect(calls).toHaveLength(2);
    running[0]!.fail(new UnavailableForNow("not yet", 1_000));
    await expect(answer).rejects.toMatchObject({ code: "rpc.unavailable", message: "not yet" });
    expect(clock.pending).toBe(0);
  });

  it.each([
    [0, 80],
    [0.999, 120],
  ])("takes off or adds a fifth at most (random %d)", async (random, pauseMs) => {
    expect(await setUp(random).pauseAfter("rpc.unavailable")).toBe(pauseMs);
  });

  it.each(["rpc.timeout", "rpc.canceled", "rpc.unauthenticated", "rpc.invalid_answer", "rpc.failed"] as const)(
    "makes no second attempt after %s",
    async (code) => {
      const { answer, running, calls, clock, metrics } = setUp();
      running[0]!.fail(code);
      await expect(answer).rejects.toMatchObject({ code });
      expect(calls).toHaveLength(1);
      expect(clock.pending).toBe(0);
      expect(metrics.counters.rpc_retries_total).toBe(0);
    },
  );

  it("says of an attempt that is cut short what became of the one before", async () => {
    const { answer, running, client, pauseAfter } = setUp();
    await pauseAfter("rpc.unavailable");
    client.abort();
    expect(running).toHaveLength(0);
    await expect(answer).rejects.toMatchObject({ code: "rpc.canceled", message: "given up; the attempt before: rpc.unavailable" });
  });

  it("ends the pause at once when the signal fires, and says what it was for", async () => {
    const { answer, running, calls, clock, client } = setUp();
    running[0]!.fail("rpc.unavailable", "connection refused");
    await settle();
    client.abort();
    await expect(answer).rejects.toMatchObject({ code: "rpc.canceled", message: expect.stringContaining("connection refused") as string });
    expect(clock.pending).toBe(0);
    expect(calls).toHaveLength(1);
  });
});
