import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Restorable } from "../../src/broker/broker.ts";
import { redisBroker } from "../../src/broker/redis/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { BrokerStage, connected, thrownBy, type BrokerNode } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { Journal, publicationOf } from "../support/history-journal.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { openRedisRig, plainUrl } from "../support/redis-broker-rig.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

let server: RedisServer;
let stage: BrokerStage;
let node: BrokerNode;
beforeEach(async () => {
  server = await startRedis();
  stage = new BrokerStage(await openRedisRig({ servers: () => [server], options: () => ({ redis: { url: plainUrl(server) } }) }));
  node = await stage.node();
});
afterEach(async () => {
  await stage.close();
  await server.kill();
});

const call = (...commands: readonly string[][]): Promise<unknown[]> => redisCall(plainUrl(server), ...commands);

async function away(): Promise<void> {
  await eventually(() => node.broker.state!().isConnected).toBe(false);
}

function session(sid: string, identifiers: string): Restorable {
  return { sid, snapshot: () => ({ identifiers, isProven: false, wantsDisconnect: true, cstate: {}, subscriptions: [] }) };
}

describe("a Redis that writes all it does to a file", () => {
  beforeEach(async () => {
    await server.restart({ config: ["--appendonly", "yes", "--appendfsync", "always"] });
    await away();
    await connected(node);
  });

  it("loses no publication, and is not believed to have lost none", async () => {
    const history = node.broker.history!;
    const other = (await stage.node()).broker.history!;
    const journal = new Journal();
    for (let round = 0; round < 3; round++) {
      const publishing = Promise.all([journal.publish(history, "a", 40), journal.publish(other, "b", 40)]);
      await server.kill();
      await server.restart();
      await publishing;
      for (const at of [history, other]) await journal.checkAll(at, "a", "b");
    }
    // Who is up to date with what was published last can go on.
    expect(await history.after("a", journal.positions("a").at(-1)!)).toMatchObject({ status: "complete", publications: [] });
  });

  it("still has sessions, and those present come back", async () => {
    const { sessions, presence } = node.broker;
    const member = { stream: "a", sid: "s1", id: "42", info: "1" };
    sessions!.leave(session("s1", "before"));
    await presence!.join(member);
    await eventually(async () => sessions!.wasTaken("s1")).toBe(false);
    await server.kill();
    sessions!.leave(session("s2", "while it was away"));
    await server.restart();
    await away();
    await connected(node);
    expect(await sessions!.take("s1", () => true)).toMatchObject({ identifiers: "before" });
    expect(await sessions!.take("s2", () => true)).toMatchObject({ identifiers: "while it was away" });
    await presence!.keep([member]);
    expect(await presence!.info("a", true)).toEqual({ total: 1, records: [{ id: "42", info: "1" }] });
    expect(node.expired).toEqual([]);
  });
});

describe("a Redis that hangs", () => {
  it("does not store later what was refused", async () => {
    const history = node.broker.history!;
    const kept = await history.append(publicationOf("a", 0));
    server.freeze();
    const refused = await Promise.all(
      Array.from({ length: 50 }, (_, number) => thrownBy(() => history.append(publicationOf("a", number)))),
    );
    expect(refused).toMatchObject(refused.map(() => ({ code: "publication.unavailable" })));
    // These are not even sent.
    expect(await thrownBy(() => history.append(publicationOf("a", 1)))).toMatchObject({
      message: expect.stringContaining("does not answer"),
    });
    server.thaw();
    await eventually(async () => {
      try {
        return await history.head("a");
      } catch {
        return undefined;
      }
    }).toEqual(kept);
    const journal = new Journal();
    await journal.publish(history, "a", 1);
    expect(await history.after("a", kept)).toMatchObject({ status: "complete", publications: [{ json: '{"n":0}' }], head: { offset: 2 } });
  });
});

describe("a Redis that is not there", () => {
  it("is waited for in the background, and used when it comes", async () => {
    await server.kill();
    const late = redisBroker({
      redis: { url: plainUrl(server) },
      settingsFor: () => ({ limit: 10, ttlMs: 60_000 }),
      sessionsTtlMs: 60_000,
      presenceTtlMs: 15_000,
      clock: systemClock(),
      logger: recordedLog().logger,
    });
    await late.start({ deliver: () => {}, execute: () => {}, missed: () => {}, expired: () => {} });
    expect(late.state!()).toMatchObject({ isConnected: false, isRequired: true, target: plainUrl(server) });
    expect(await thrownBy(() => late.history!.append(publicationOf("a", 0)))).toMatchObject({
      code: "publication.unavailable",
      message: expect.not.stringContaining("may have been stored"),
    });
    expect(await thrownBy(() => late.history!.head("a"))).toMatchObject({ code: "broker.unavailable" });
    expect(await thrownBy(() => late.sessions!.take("s1", () => true))).toMatchObject({ code: "broker.unavailable" });
    expect(await thrownBy(() => late.presence!.info("a", true))).toMatchObject({ code: "broker.unavailable" });
    late.sessions!.leave(session("s1", "early"));
    await server.restart();
    await eventually(() => late.state!().isConnected).toBe(true);
    expect(await late.history!.append(publicationOf("a", 0))).toMatchObject({ offset: 1 });
    expect(await late.sessions!.take("s1", () => true)).toMatchObject({ identifiers: "early" });
    await late.stop();
    await late.stop();
  });

  it("leaves a stop to end all the same", async () => {
    await server.kill();
    await away();
    for (let number = 0; number < 2_000; number++) node.broker.sessions!.leave(session(`s${number}`, "lost"));
    await stage.stop(node);
    expect(node.broker.state!().isConnected).toBe(false);
  });
});

describe("a Redis that says no", () => {
  it("because it is full is told so, and stores nothing", async () => {
    const history = node.broker.history!;
    const kept = await history.append(publicationOf("a", 0));
    await call(["CONFIG", "SET", "maxmemory", "1"]);
    expect(await thrownBy(() => history.append(publicationOf("a", 1)))).toMatchObject({
      code: "publication.unavailable",
      message: expect.stringMatching(/OOM(?!.*may have been stored)/),
    });
    expect(await history.after("a", { ...kept, offset: 0 })).toMatchObject({ status: "complete", head: kept });
    node.broker.sessions!.save(session("s1", "when there is room"));
    await call(["CONFIG", "SET", "maxmemory", "0"]);
    expect(await history.append(publicationOf("a", 2))).toEqual({ ...kept, offset: 2 });
    await eventually(async () => {
      const stored = await Promise.resolve(node.broker.sessions!.take("s1", () => true)).catch(() => undefined);
      return stored?.identifiers;
    }).toBe("when there is room");
  });

  it("because its scripts were taken away is told them again", async () => {
    const { history, sessions, presence } = node.broker;
    await call(["SCRIPT", "FLUSH"]);
    const positions = await Promise.all(Array.from({ length: 50 }, async () => history!.append(publicationOf("a", 0))));
    expect(new Set(positions.map(({ offset }) => offset)).size).toBe(50);
    sessions!.save(session("s1", "x"));
    expect(await sessions!.take("s1", () => true)).toMatchObject({ identifiers: "x" });
    expect(await presence!.join({ stream: "a", sid: "s1", id: "42", info: "1" })).toBe(true);
  });

  it("to one channel stores nothing there", async () => {
    await call(["ACL", "SETUSER", "app", "on", ">pa55", "~*", "+@all", "resetchannels", "&allowed*"]);
    const logger = recordedLog().logger;
    const broker = redisBroker({
      redis: { url: `redis://app:pa55@127.0.0.1:${server.port}` },
      settingsFor: () => ({ limit: 10, ttlMs: 60_000 }),
      announce: { channelOf: (stream) => stream },
      sessionsTtlMs: 0,
      presenceTtlMs: 0,
      clock: systemClock(),
      logger,
    });
    await broker.start({ deliver: () => {}, execute: () => {}, missed: () => {}, expired: () => {} });
    try {
      await eventually(() => broker.state!().isConnected).toBe(true);
      expect([broker.sessions, broker.presence]).toEqual([undefined, undefined]);
      const first = await broker.history!.append(publicationOf("allowed:1", 0));
      expect(await thrownBy(() => broker.history!.append(publicationOf("other", 0)))).toMatchObject({
        code: "publication.unavailable",
        message: expect.stringMatching(/channel(?!.*may have been stored)/),
      });
      expect(await broker.history!.head("other")).toBeUndefined();
      expect(await broker.history!.head("allowed:1")).toEqual(first);
    } finally {
      await broker.stop();
    }
  });

  it("to what a broker needs is not used", async () => {
    await call(["ACL", "SETUSER", "app", "on", ">pa55", "~*", "&*", "+@all", "-info"]);
    const log = recordedLog();
    const broker = redisBroker({
      redis: { url: `redis://app:pa55@127.0.0.1:${server.port}` },
      settingsFor: () => ({ limit: 10, ttlMs: 60_000 }),
      sessionsTtlMs: 0,
      presenceTtlMs: 0,
      clock: systemClock(),
      logger: log.logger,
    });
    await broker.start({ deliver: () => {}, execute: () => {}, missed: () => {}, expired: () => {} });
    await eventually(() => broker.state!().problem).toMatch(/^it answered/);
    expect(log.lines.map(({ fields }) => String(fields["error"])).join()).toMatch(/info/i);
    await broker.stop();
  });
});

describe("a Redis that somebody else has written to", () => {
  it("is complained about where that is, and nowhere else", async () => {
    const { history, sessions, presence } = node.broker;
    await history!.append(publicationOf("a", 0));
    await history!.append(publicationOf("b", 0));
    sessions!.save(session("s1", "x"));
    await presence!.join({ stream: "a", sid: "s1", id: "42", info: "1" });
    await sessions!.wasTaken("s1");
    const [keys] = (await call(["KEYS", "*:a"])) as [string[]];
    expect(keys.length).toBeGreaterThanOrEqual(5);
    for (const key of keys) await call(["DEL", key], ["SET", key, "garbage"]);
    await call(["SET", "ropeway:session:s1", "12{garbage"]);
    expect(await thrownBy(() => history!.append(publicationOf("a", 1)))).toMatchObject({ code: "publication.unavailable" });
    expect(await thrownBy(() => history!.since("a", 0, false))).toMatchObject({ code: "broker.unavailable" });
    expect(await thrownBy(() => presence!.info("a", true))).toMatchObject({ code: "broker.unavailable" });
    expect(await thrownBy(() => presence!.join({ stream: "a", sid: "s2", id: "42", info: "1" }))).toMatchObject({
      code: "broker.unavailable",
    });
    expect(await sessions!.take("s1", () => true)).toBeUndefined();
    expect(await history!.append(publicationOf("b", 1))).toMatchObject({ offset: 2 });
  });

  it("in the middle of a history is not passed on", async () => {
    const history = node.broker.history!;
    const first = await history.append(publicationOf("a", 0));
    await history.append(publicationOf("a", 1));
    const [keys] = (await call(["KEYS", "*:p:a"])) as [string[]];
    for (const text of ["garbage", "1700000000000", '1700000000000,"data":5', "1700000000000}"]) {
      await call(["LSET", keys[0]!, "-1", text]);
      expect(await thrownBy(() => history.after("a", first)), text).toMatchObject({ code: "broker.unavailable" });
    }
  });
});

it("thousands who come back at once share a few readings", async () => {
  const history = node.broker.history!;
  const positions = await Promise.all(Array.from({ length: 20 }, async (_, number) => history.append(publicationOf("a", number))));
  await call(["CONFIG", "RESETSTAT"]);
  const answers = await Promise.all(Array.from({ length: 5_000 }, async (_, number) => history.after("a", positions[number % 20]!)));
  expect(answers.every((answer, number) => answer.status === "complete" && answer.publications.length === 19 - (number % 20))).toBe(true);
  const [stats] = (await call(["INFO", "commandstats"])) as [string];
  const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]);
  // Presence is looked after meanwhile.
  expect(calls).toBeLessThan(1_000);
});

it("what is kept has names under its prefix, in the database of the URL, and an end", async () => {
  await stage.stop(node);
  const { broker } = await new BrokerStage(
    await openRedisRig({ servers: () => [server], options: () => ({ redis: { url: `${plainUrl(server)}/7` }, prefix: "app:" }) }),
  ).node();
  await broker.history!.append(publicationOf("chat:1", 0));
  broker.sessions!.save(session("s1", "x"));
  broker.sessions!.forget("s2");
  await broker.sessions!.wasTaken("s1");
  await broker.sessions!.wasTaken("s2");
  await broker.presence!.join({ stream: "chat:1", sid: "s1", id: "42", info: "1" });
  await broker.stop();
  const [, keys] = (await call(["SELECT", "7"], ["KEYS", "*"])) as [string, string[]];
  const times = (await call(["SELECT", "7"], ...keys.map((key) => ["PTTL", key]))).slice(1) as number[];
  const endless = keys.filter((_, at) => times[at]! < 0);
  expect(endless.every((key) => /^app:ropeway:\{\d+\}:birth$/.test(key))).toBe(true);
  expect(
    keys
      .filter((key) => !endless.includes(key))
      .map((key) => key.replace(/\{\d+\}/, "{n}"))
      .toSorted(),
  ).toEqual([
    "app:ropeway:session:s1",
    "app:ropeway:session:s2",
    "app:ropeway:{n}:d:chat:1",
    "app:ropeway:{n}:h:chat:1",
    "app:ropeway:{n}:i:chat:1",
    "app:ropeway:{n}:p:chat:1",
    "app:ropeway:{n}:present",
    "app:ropeway:{n}:s:chat:1",
  ]);
  expect((await call(["DBSIZE"]))[0]).toBe(0);
});
