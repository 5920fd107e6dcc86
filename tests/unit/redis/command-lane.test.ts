import { ErrorReply } from "@redis/client";
import { beforeEach, describe, expect, it } from "vitest";
import type { RedisClient } from "../../../src/redis/client.ts";
import { CommandLane, isInDoubt, RedisAway } from "../../../src/redis/command-lane.ts";
import { deferred, type Deferred } from "../../support/deferred.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { settle } from "../../support/settle.ts";

/** Answers when it is told to. */
function fakeClient(): {
  readonly client: RedisClient;
  readonly sent: { readonly command: readonly string[]; readonly answer: Deferred<unknown> }[];
} {
  const sent: { readonly command: readonly string[]; readonly answer: Deferred<unknown> }[] = [];
  const sendCommand = async (command: readonly string[]): Promise<unknown> => {
    const answer = deferred<unknown>();
    sent.push({ command, answer });
    const value = await answer.promise;
    if (value instanceof Error) throw value;
    return value;
  };
  return { client: { sendCommand } as unknown as RedisClient, sent };
}

/** What a promise has come to. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([
    promise.catch((error: unknown) => (error instanceof RedisAway ? `away: ${error.message}` : String(error))),
    settle().then(() => "pending"),
  ]);
}

describe("commands over one connection", () => {
  let clock: FakeClock;
  let lane: CommandLane;
  let redis: ReturnType<typeof fakeClient>;
  beforeEach(() => {
    clock = new FakeClock();
    lane = new CommandLane({ clock, timeoutMs: 1_000 });
    redis = fakeClient();
  });

  const send = (...command: string[]): Promise<unknown> => lane.send(redis.client, command);

  it("get what the server answers, errors too", async () => {
    const answers = [send("GET", "a"), send("GET", "b")];
    expect(redis.sent.map(({ command }) => command)).toEqual([
      ["GET", "a"],
      ["GET", "b"],
    ]);
    redis.sent[0]!.answer.resolve("1");
    redis.sent[1]!.answer.resolve(new ErrorReply("OOM"));
    expect(await Promise.all(answers.map(stateOf))).toEqual(["1", "Error: OOM"]);
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  it("wait for an answer as long as they may", async () => {
    const first = send("A");
    clock.advance(600);
    const second = send("B");
    clock.advance(399);
    expect(await stateOf(first)).toBe("pending");
    clock.advance(1);
    expect([await stateOf(first), await stateOf(second)]).toEqual(["away: it did not answer in time", "pending"]);
    clock.advance(600);
    expect(await stateOf(second)).toBe("away: it did not answer in time");
  });

  it("are not sent while an answer is overdue, and again when one comes", async () => {
    const late = send("A");
    clock.advance(1_000);
    expect(await stateOf(late)).toMatch(/^away/);
    const refused = await send("B").catch((error: unknown) => error);
    expect(refused).toMatchObject({ message: "it does not answer", isUnsent: true });
    expect(redis.sent).toHaveLength(1);
    redis.sent[0]!.answer.resolve("late");
    await settle();
    const next = send("C");
    redis.sent[1]!.answer.resolve("3");
    expect(await stateOf(next)).toBe("3");
  });

  it("tell that a connection is of no use while an answer is overdue", async () => {
    const connected = { isConnected: true, sinceMs: 0, server: "redis:6379", problem: undefined };
    clock.advance(100);
    void stateOf(send("A"));
    expect(lane.seen(connected, redis.client)).toBe(connected);
    clock.advance(1_000);
    await settle();
    expect(lane.seen(connected, redis.client)).toMatchObject({ isConnected: false, sinceMs: 1_100, problem: "it does not answer" });
    // Broken at last: it has been away since it stopped answering.
    const broken = { isConnected: false, sinceMs: 9_000, server: undefined, problem: "closed" };
    expect(lane.seen(broken, undefined)).toEqual({ ...broken, sinceMs: 1_100 });
    expect(lane.seen(connected, fakeClient().client)).toBe(connected);
    redis.sent[0]!.answer.resolve("late");
    await settle();
    expect(lane.seen(connected, redis.client)).toBe(connected);
  });

  it("are not overdue when it was this process that did not run", async () => {
    const answer = send("A");
    clock.jump(60_000);
    // What came meanwhile is read now.
    redis.sent[0]!.answer.resolve("1");
    expect(await stateOf(answer)).toBe("1");
    expect(await stateOf(send("B"))).toBe("pending");
  });

  it("begin anew with another connection", async () => {
    void send("A").catch(() => {});
    clock.advance(1_000);
    await settle();
    redis = fakeClient();
    const next = send("B");
    redis.sent[0]!.answer.resolve("2");
    expect(await stateOf(next)).toBe("2");
    lane.clear();
    expect(clock.pending).toBe(0);
  });
});

describe("a command that failed", () => {
  it.each([
    ["was refused", new ErrorReply("READONLY"), false],
    ["was not sent", new RedisAway("away", { isUnsent: true }), false],
    ["got no answer in time", new RedisAway("late", { isUnsent: false }), true],
    ["lost its connection", new Error("Socket closed unexpectedly"), true],
  ])("and %s may have worked or not", (_how, error, isDoubted) => expect(isInDoubt(error)).toBe(isDoubted));
});
