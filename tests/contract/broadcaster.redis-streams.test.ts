import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AcceptBroadcast, Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { redisStreamsBroadcaster, type RedisStreamsBroadcasterOptions } from "../../src/broadcasters/redis-streams.ts";
import { CableError } from "../../src/errors.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { parseBroadcast } from "../../src/publications/parse.ts";
import { deferred } from "../support/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { fieldsOf, redisCall } from "../support/redis-client.ts";
import { nodeUrl } from "../support/redis-cluster.ts";
import { impatientClock } from "../support/redis-listening.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { streamsOptions, streamsRig } from "../support/redis-streams-rig.ts";
import { tcpProxy } from "../support/tcp-proxy.ts";
import { broadcasterContract } from "./broadcaster.contract.ts";

let server: RedisServer;
let url: string;
beforeAll(async () => {
  server = await startRedis();
  url = nodeUrl(server);
});
afterAll(() => server.kill());

describe("contract", () => {
  broadcasterContract("redis streams", () => streamsRig({ url }, url));
});

const stream = "__anycable__";
const rejected = "{__anycable__}:rejected";

interface Taking {
  readonly broadcaster: Broadcaster;
  readonly options: RedisStreamsBroadcasterOptions;
  readonly bodies: string[];
  readonly log: RecordedLog;
}

describe("redis streams broadcaster", () => {
  const open: Broadcaster[] = [];
  const cleanups: (() => Promise<unknown> | void)[] = [];
  beforeEach(() => redisCall(url, ["FLUSHALL"]));
  afterEach(async () => {
    for (const broadcaster of open.splice(0)) await broadcaster.stop();
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function take(change: Partial<RedisStreamsBroadcasterOptions> = {}, accept: AcceptBroadcast = () => {}): Promise<Taking> {
    const log = recordedLog();
    const options = { ...streamsOptions({ url }), logger: log.logger, claimAfterMs: 600, ...change };
    const broadcaster = redisStreamsBroadcaster(options);
    open.push(broadcaster);
    const bodies: string[] = [];
    await broadcaster.start((body) => {
      bodies.push(body);
      return accept(body);
    });
    await eventually(() => broadcaster.state!().isConnected).toBe(true);
    return { broadcaster, options, bodies, log };
  }

  /** All at once, so that whoever comes first gets all. */
  async function add(...payloads: readonly string[]): Promise<string[]> {
    const script =
      "local ids = {} for at, payload in ipairs(ARGV) do ids[at] = redis.call('XADD', KEYS[1], '*', 'payload', payload) end return ids";
    const [ids] = await redisCall(url, ["EVAL", script, "1", stream, ...payloads]);
    return ids as string[];
  }

  /** How many entries are left in the stream, and with whom. */
  async function left(at: string = url): Promise<{ readonly length: number; readonly pending: Readonly<Record<string, number>> }> {
    const [length, consumers] = (await redisCall(at, ["XLEN", stream], ["XINFO", "CONSUMERS", stream, "bx"])) as [number, unknown[]];
    return { length, pending: Object.fromEntries(consumers.map(fieldsOf).map(({ name, pending }) => [name, Number(pending)])) };
  }

  async function nothingLeft(at: string = url): Promise<void> {
    await eventually(async () => {
      const { length, pending } = await left(at);
      return [length, ...Object.values(pending).filter((count) => count > 0)];
    }).toEqual([0]);
  }

  const numbered = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => String(from + at));

  it("shares entries out among nodes, each to one, in the order of the stream, and leaves nothing", async () => {
    const nodes = [await take({ claimAfterMs: 60_000 }), await take({ claimAfterMs: 60_000 }), await take({ claimAfterMs: 60_000 })];
    const said = numbered(2_000);
    await add(...said);
    await eventually(() => nodes.flatMap(({ bodies }) => bodies).length).toBe(said.length);
    await nothingLeft();
    expect(nodes.flatMap(({ bodies }) => bodies).toSorted()).toEqual(said.toSorted());
    for (const { bodies } of nodes) expect(bodies).toEqual(bodies.toSorted((a, b) => Number(a) - Number(b)));
  });

  it("accepts one after another, and acknowledges what is accepted, not more", async () => {
    const first = deferred();
    const { bodies, options } = await take({}, (body) => (body === "1" ? first.promise : undefined));
    await add("0", "1", "2");
    await eventually(() => bodies).toEqual(["0", "1"]);
    await eventually(left).toEqual({ length: 2, pending: { [options.consumer]: 2 } });
    first.resolve();
    await eventually(() => bodies).toEqual(["0", "1", "2"]);
    await nothingLeft();
  });

  it("acknowledges before it waits for more", async () => {
    const { bodies } = await take({ blockMs: 5_000 });
    await add("0");
    await eventually(() => bodies).toEqual(["0"]);
    await eventually(async () => (await redisCall(url, ["CLIENT", "LIST"]))[0]).toMatch(/ flags=b .* cmd=xreadgroup /);
    expect(Object.values((await left()).pending)).toEqual([0]);
  });

  it("takes over what a node that is gone was given, in order, and its name out of the group", async () => {
    await redisCall(url, ["XGROUP", "CREATE", stream, "bx", "0", "MKSTREAM"]);
    await add("0", "1", "2");
    await redisCall(url, ["XREADGROUP", "GROUP", "bx", "dead", "COUNT", "2", "STREAMS", stream, ">"]);
    const { bodies, options } = await take({ deadAfterMs: 200, blockMs: 50 });
    await eventually(() => bodies.toSorted()).toEqual(["0", "1", "2"]);
    expect(bodies.filter((body) => body !== "2")).toEqual(["0", "1"]);
    await nothingLeft();
    await eventually(async () => Object.keys((await left()).pending)).not.toContain("dead");
    await add("3");
    await eventually(() => bodies.at(-1)).toBe("3");
    expect(options.consumer).not.toBe("dead");
  });

  it("loses nothing when a node is cut off between reading and acknowledging", async () => {
    const wire = await tcpProxy(server.port);
    cleanups.push(() => wire.close());
    const hand = deferred();
    const gone = await take({ redis: { url: `redis://127.0.0.1:${wire.port}` }, claimAfterMs: 1_500 }, () => hand.promise);
    await add(...numbered(10));
    await eventually(() => gone.bodies).toEqual(["0"]);
    const other = await take({ claimAfterMs: 1_500 });
    let saidAgain = 0;
    // While it lives, it keeps what it was given, however long that takes.
    await add("new");
    await eventually(() => other.bodies).toEqual(["new"]);
    const saysSo = async (): Promise<number> => {
      const [pending] = (await redisCall(url, ["XPENDING", stream, "bx", "-", "+", "1"])) as [[[string, string, number]]];
      if (pending[0][2] < 250) saidAgain++;
      return saidAgain;
    };
    await eventually(saysSo, 30_000).toBeGreaterThan(100);
    expect(other.bodies).toEqual(["new"]);
    wire.cut();
    await eventually(() => other.bodies).toEqual(["new", ...numbered(10)]);
    await nothingLeft();
    hand.resolve();
  });

  it("tries again for ever what can't be taken now, before anything newer", async () => {
    let isAway = true;
    const { bodies, log, options } = await take({ clock: impatientClock() }, () => {
      if (isAway) throw new CableError("publication.unavailable", "the store is away");
    });
    await add("0", "1");
    await eventually(() => bodies.length).toBeGreaterThan(6);
    expect(new Set(bodies)).toEqual(new Set(["0"]));
    expect(await left()).toMatchObject({ length: 2, pending: { [options.consumer]: 2 } });
    isAway = false;
    await eventually(() => bodies.at(-1)).toBe("1");
    await nothingLeft();
    expect(log.lines.filter(({ level }) => level === "warn")).toMatchObject([{ fields: { error: "the store is away", times: 1 } }]);
  });

  it("lets another node take over what it can't take now, and leaves it alone then", async () => {
    let isAway = true;
    const unable = await take({}, () => {
      if (isAway) throw new CableError("publication.unavailable", "not here");
    });
    await add("0", "1", "2");
    await eventually(() => unable.bodies.length).toBeGreaterThan(0);
    const able = await take();
    await eventually(() => able.bodies).toEqual(["0", "1", "2"]);
    const tried = unable.bodies.length;
    isAway = false;
    await able.broadcaster.stop();
    await add("3");
    await eventually(() => unable.bodies.slice(tried)).toEqual(["3"]);
    await nothingLeft();
  });

  it("puts aside what can never be handled, says so with the entry's id, counts it, and goes on", async () => {
    const metrics = createMetrics();
    const { bodies, log } = await take({ metrics, maxBodyBytes: 1_000 }, (body) => {
      parseBroadcast(body, 0);
      if (body.includes("fault")) throw new TypeError("a fault of ours");
    });
    const fine = '{"stream":"s","data":"fine"}';
    const cases: readonly (readonly [readonly (string | Buffer)[], RegExp])[] = [
      [["payload", "{secret"], /the body is not JSON/],
      [["payload", ""], /the body is not JSON/],
      [["other", "secret"], /it has no field payload/],
      [["payload", Buffer.from([0x22, 0xff, 0x22])], /its payload is not UTF-8/],
      [["payload", "x".repeat(100_000)], /its payload of 100000 bytes is over the limit of 1000/],
      [["payload", '{"stream":"s","data":"fault"}'], /a fault of ours/],
    ];
    const ids: string[] = [];
    for (const [fields] of cases) ids.push(...((await redisCall(url, ["XADD", stream, "*", ...fields] as string[])) as string[]));
    await add(fine);
    await eventually(() => bodies.at(-1)).toBe(fine);
    await nothingLeft();
    const [kept] = (await redisCall(url, ["XRANGE", rejected, "-", "+"])) as [[string, string[]][]];
    const entries = kept.map(([, fields]) => fieldsOf(fields));
    expect(entries.map(({ id }) => id)).toEqual(ids);
    for (const [at, [fields, why]] of cases.entries()) {
      expect(entries[at]!["reason"]).toMatch(why);
      if (at !== 2 && at !== 3) expect(String(fields[1]).startsWith(entries[at]!["payload"]!)).toBe(true);
    }
    expect(entries[4]).toMatchObject({ bytes: "100000", payload: "x".repeat(65_536) });
    const told = log.lines.filter(({ level }) => level === "error");
    expect(told.map(({ fields }) => fields["entry"])).toEqual(ids);
    expect(JSON.stringify(log.lines)).not.toContain("secret");
    // Those that `accept` refused itself are counted by whoever parses.
    expect(metrics.counters.failed_broadcast_msg_total).toBe(4);
  });

  it("keeps the newest hundred of those, and goes on when they can't be kept", async () => {
    const { bodies, log } = await take({}, (body) => {
      if (body.startsWith("bad")) throw new CableError("publication.malformed", "bad");
    });
    await add(...numbered(130).map((number) => `bad ${number}`), "fine");
    await eventually(() => bodies.at(-1)).toBe("fine");
    const [length, [[, newest]]] = (await redisCall(url, ["XLEN", rejected], ["XREVRANGE", rejected, "+", "-", "COUNT", "1"])) as [
      number,
      [[string, string[]]],
    ];
    expect(length).toBe(100);
    expect(fieldsOf(newest)).toMatchObject({ payload: "bad 129" });
    await redisCall(url, ["SET", rejected, "something else"]);
    await add("bad", "still fine");
    await eventually(() => bodies.at(-1)).toBe("still fine");
    expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { refusal: expect.stringContaining("WRONGTYPE") as string } });
    await nothingLeft();
  });

  it("begins a minute back when the group is new, and where it was when it is not", async () => {
    const [[seconds]] = (await redisCall(url, ["TIME"])) as [[string]];
    const at = (secondsAgo: number): string => `${(Number(seconds) - secondsAgo) * 1_000}-0`;
    for (const ago of [300, 70, 30, 1]) await redisCall(url, ["XADD", stream, at(ago), "payload", `${ago} s ago`]);
    const first = await take();
    await eventually(() => first.bodies).toEqual(["30 s ago", "1 s ago"]);
    await first.broadcaster.stop();
    await add("while nobody was up");
    const second = await take();
    await eventually(() => second.bodies).toEqual(["while nobody was up"]);
  });

  it.each([
    ["the group is destroyed", ["XGROUP", "DESTROY", stream, "bx"]],
    ["the stream is deleted", ["DEL", stream]],
    ["everything is deleted", ["FLUSHALL"]],
  ])("makes the group again when %s", async (_what, command) => {
    const { bodies } = await take();
    await add("before");
    await eventually(() => bodies).toEqual(["before"]);
    await nothingLeft();
    await redisCall(url, command);
    await add("after");
    await eventually(() => bodies).toEqual(["before", "after"]);
    await nothingLeft();
  });

  it("gives back at once, when it is stopped, what it has not begun, and its name", async () => {
    const hand = deferred();
    const leaving = await take({ claimAfterMs: 60_000 }, () => hand.promise);
    await add("0", "1", "2");
    await eventually(() => leaving.bodies).toEqual(["0"]);
    const stopped = leaving.broadcaster.stop();
    await add("3");
    hand.resolve();
    await stopped;
    expect(leaving.bodies).toEqual(["0"]);
    // Whoever comes now doesn't have to wait for a minute.
    const next = await take({ claimAfterMs: 60_000 });
    await eventually(() => next.bodies).toEqual(["1", "2", "3"]);
    await nothingLeft();
    await next.broadcaster.stop();
    expect(Object.keys((await left()).pending)).not.toContain(next.options.consumer);
  });

  it("does not remove its name while something stands against it", async () => {
    const { broadcaster, options } = await take({ claimAfterMs: 60_000 });
    await eventually(left).toMatchObject({ length: 0 });
    // As if a second process had the same name: what it was given is not ours to lose.
    await add("0");
    await nothingLeft();
    await redisCall(url, ["XADD", stream, "1-1", "payload", "old"]).catch(() => {});
    await redisCall(url, ["XGROUP", "SETID", stream, "bx", "$"]);
    await broadcaster.stop();
    await add("1");
    await redisCall(url, ["XREADGROUP", "GROUP", "bx", options.consumer, "STREAMS", stream, ">"]);
    const other = await take({ claimAfterMs: 60_000, deadAfterMs: 1 });
    await eventually(async () => (await left()).pending[options.consumer]).toBe(1);
    await other.broadcaster.stop();
    expect((await left()).pending[options.consumer]).toBe(1);
  });

  it("says that an entry was deleted before it could be handled, and goes on", async () => {
    await redisCall(url, ["XGROUP", "CREATE", stream, "bx", "0", "MKSTREAM"]);
    const options = streamsOptions({ url });
    const [id] = await add("0");
    await redisCall(url, ["XREADGROUP", "GROUP", "bx", options.consumer, "STREAMS", stream, ">"], ["XDEL", stream, id!]);
    const { bodies, log } = await take({ consumer: options.consumer });
    await add("1");
    await eventually(() => bodies).toEqual(["1"]);
    await nothingLeft();
    expect(log.lines.find(({ level }) => level === "warn")).toMatchObject({ fields: { entry: id } });
  });

  it("works in the database of the URL", async () => {
    const { bodies } = await take({ redis: { url: `${url}/5` } });
    await redisCall(`${url}/5`, ["XADD", stream, "*", "payload", "five"]);
    await add("zero");
    await eventually(() => bodies).toEqual(["five"]);
    await nothingLeft(`${url}/5`);
  });
});
