import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { disconnectQueue, type DisconnectQueueOptions } from "../../../src/rpc/disconnect-queue.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { scriptedController } from "../../support/scripted-controller.ts";
import { settle } from "../../support/settle.ts";
import { disconnectOf } from "./requests.ts";

function setUp(options: Partial<DisconnectQueueOptions> = {}) {
  const { controller, calls, running } = scriptedController();
  const clock = new FakeClock();
  const metrics = createMetrics();
  const log = recordedLog();
  const queue = disconnectQueue({ controller, clock, metrics, logger: log.logger, ...options });
  const enqueue = (count: number, from = 0): void => {
    for (let index = 0; index < count; index++) queue.enqueue(disconnectOf(String(from + index)));
  };
  /** Answers whatever runs, until nothing does. */
  const answerAll = async (): Promise<void> => {
    for (; running.length > 0; await settle()) for (const call of running.slice()) call.answer();
  };
  return { queue, enqueue, answerAll, calls, running, clock, metrics, log, size: () => metrics.gauges.disconnect_queue_size?.() };
}

const noDeadline = (): AbortSignal => new AbortController().signal;

describe("disconnectQueue", () => {
  it("makes the first call at once and the others at its rate, in order", async () => {
    const { enqueue, answerAll, calls, clock, size } = setUp({ ratePerSecond: 10 });
    enqueue(4);
    expect(calls).toHaveLength(1);
    expect(size()).toBe(3);
    for (const expected of [2, 3, 4]) {
      clock.advance(99);
      expect(calls).toHaveLength(expected - 1);
      clock.advance(1);
      expect(calls).toHaveLength(expected);
    }
    expect(calls.map(({ request }) => request.sid)).toEqual(["0", "1", "2", "3"]);
    await answerAll();
    expect(clock.pending).toBe(0);
  });

  it("keeps the rate from one batch to the next", async () => {
    const { enqueue, answerAll, calls, clock } = setUp({ ratePerSecond: 10 });
    enqueue(1);
    await answerAll();
    clock.advance(50);
    enqueue(1);
    expect(calls).toHaveLength(1);
    clock.advance(50);
    expect(calls).toHaveLength(2);
  });

  it.each([
    [0.5, 10_000, 6],
    [2.5, 10_000, 26],
    [100, 1_000, 101],
    [3_000, 1_000, 3_001],
    [1_000_000, 5, 5_001],
  ])("can do any rate: %d a second", async (ratePerSecond, durationMs, expected) => {
    let calls = 0;
    const { controller } = scriptedController({ disconnect: () => (calls++, new Promise(() => {})) });
    const { enqueue, clock } = setUp({ controller, ratePerSecond, capacity: 10_000, concurrency: 10_000 });
    enqueue(10_000);
    // As real timers are: whole milliseconds, and late.
    for (let ms = 0; ms < durationMs; ms++) clock.jump(1);
    expect(calls).toBeGreaterThanOrEqual(expected - 1);
    expect(calls).toBeLessThanOrEqual(expected);
  });

  it("makes up for late timers, but does not overwhelm an application that was stalled", async () => {
    const { enqueue, answerAll, calls, running, clock } = setUp({ ratePerSecond: 100, concurrency: 1_000 });
    enqueue(1_000);
    clock.jump(50);
    expect(calls.length).toBe(6);
    clock.jump(10_000);
    expect(calls.length).toBeLessThanOrEqual(6 + 11);
    await answerAll();
    expect(running).toEqual([]);
  });

  it("has no rate when it is 0, only concurrency", async () => {
    const { enqueue, answerAll, calls, running, clock } = setUp({ ratePerSecond: 0, concurrency: 3 });
    enqueue(10);
    expect(running).toHaveLength(3);
    expect(clock.pending).toBe(0);
    running[1]!.answer();
    await settle();
    expect(calls.map(({ request }) => request.sid)).toEqual(["0", "1", "2", "3"]);
    await answerAll();
    expect(calls).toHaveLength(10);
  });

  it("waits for a slow application without a timer", async () => {
    const { enqueue, running, clock } = setUp({ ratePerSecond: 10, concurrency: 2 });
    enqueue(5);
    clock.advance(1_000);
    expect(running).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it("drops what does not fit, counts it, and says once per burst how much", async () => {
    const { enqueue, answerAll, clock, metrics, log, size } = setUp({ ratePerSecond: 1, capacity: 5 });
    enqueue(10);
    expect(size()).toBe(5);
    expect(metrics.counters.disconnect_calls_dropped_total).toBe(4);
    enqueue(3);
    expect(log.lines).toEqual([]);
    clock.advance(1_000);
    expect(log.lines).toMatchObject([{ level: "warn", fields: { dropped: 7, capacity: 5 } }]);
    clock.advance(10_000);
    await answerAll();
    enqueue(7);
    clock.advance(1_000);
    expect(log.lines).toMatchObject([{}, { fields: { dropped: 1 } }]);
    expect(metrics.counters.disconnect_calls_dropped_total).toBe(8);
  });

  it("logs a call that failed, and goes on", async () => {
    const { enqueue, running, calls, log } = setUp({ ratePerSecond: 0, concurrency: 1 });
    enqueue(2);
    running[0]!.fail("rpc.failed", "no such user");
    await settle();
    expect(log.lines).toMatchObject([
      { level: "warn", message: "disconnect call failed", fields: { sid: "0", code: "rpc.failed", error: "no such user" } },
    ]);
    expect(calls).toHaveLength(2);
  });

  it("survives a controller that throws", async () => {
    const { controller } = scriptedController({
      disconnect: () => {
        throw new TypeError("broken");
      },
    });
    const { queue, enqueue, log } = setUp({ controller, ratePerSecond: 0 });
    enqueue(2);
    await queue.stop(noDeadline());
    expect(log.lines).toMatchObject([{ fields: { error: "broken" } }, { fields: { error: "broken" } }]);
  });

  it("is through with stopping at once when there is nothing to do", async () => {
    await setUp().queue.stop(noDeadline());
  });

  it("makes everything that is due before it stops, without the rate, at RPC concurrency", async () => {
    const { queue, enqueue, answerAll, calls, running, clock, log } = setUp({ ratePerSecond: 1, concurrency: 4 });
    enqueue(20);
    let isOver = false;
    const stopped = queue.stop(noDeadline()).then(() => (isOver = true));
    expect(running).toHaveLength(4);
    expect(clock.pending).toBe(0);
    enqueue(5, 20);
    await settle();
    expect(isOver).toBe(false);
    await answerAll();
    await stopped;
    expect(calls).toHaveLength(25);
    expect(log.lines).toEqual([]);
  });

  it("takes more than its capacity once it has to hurry", async () => {
    const { queue, enqueue, answerAll, calls, metrics } = setUp({ ratePerSecond: 1, capacity: 2, concurrency: 3 });
    queue.hurry();
    enqueue(100);
    const stopped = queue.stop(noDeadline());
    await answerAll();
    await stopped;
    expect(calls).toHaveLength(100);
    expect(metrics.counters.disconnect_calls_dropped_total).toBe(0);
  });

  it("gives up at the deadline and says what was left", async () => {
    const { queue, enqueue, running, calls, metrics, log, size } = setUp({ concurrency: 2 });
    enqueue(10);
    const deadline = new AbortController();
    const stopped = queue.stop(deadline.signal);
    running[0]!.answer();
    await settle();
    deadline.abort();
    await stopped;
    await settle();
    expect(calls).toHaveLength(3);
    expect(running).toEqual([]);
    expect(size()).toBe(0);
    expect(metrics.counters.disconnect_calls_dropped_total).toBe(7);
    expect(log.lines).toMatchObject([{ level: "warn", fields: { dropped: 7, unfinished: 2 } }]);
    enqueue(1);
    expect(calls).toHaveLength(3);
    expect(metrics.counters.disconnect_calls_dropped_total).toBe(8);
  });

  it("does not begin to drain when the deadline has passed already", async () => {
    const { queue, enqueue, metrics } = setUp({ concurrency: 1 });
    enqueue(3);
    await queue.stop(AbortSignal.abort());
    expect(metrics.counters.disconnect_calls_dropped_total).toBe(2);
  });

  it("lets many calls share one signal without a word", async () => {
    const warnings: unknown[] = [];
    const listen = (warning: unknown): void => void warnings.push(warning);
    process.on("warning", listen);
    const { enqueue, answerAll, running } = setUp({ ratePerSecond: 0, concurrency: 100 });
    enqueue(100);
    expect(running).toHaveLength(100);
    await answerAll();
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });
});
