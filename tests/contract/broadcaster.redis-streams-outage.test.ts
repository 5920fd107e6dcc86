// A Redis stream whose Redis goes away, with and without what it had.

import { afterEach, describe, expect, it } from "vitest";
import type { AcceptBroadcast, Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { redisStreamsBroadcaster, type RedisStreamsBroadcasterOptions } from "../../src/broadcasters/redis-streams.ts";
import { deferred } from "../support/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { redisCall } from "../support/redis-client.ts";
import { nodeUrl } from "../support/redis-cluster.ts";
import { impatientClock } from "../support/redis-listening.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { streamsOptions } from "../support/redis-streams-rig.ts";

const stream = "__anycable__";
const patience = { timeout: 20_000, interval: 10 };
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function redis(...config: readonly string[]): Promise<RedisServer> {
  const server = await startRedis({ config });
  cleanups.push(() => server.kill());
  return server;
}

const keepsData = ["--appendonly", "yes", "--appendfsync", "always"];

interface Taking {
  readonly broadcaster: Broadcaster;
  readonly bodies: string[];
  readonly log: RecordedLog;
  isConnected(expected: boolean): Promise<void>;
}

async function take(
  url: string,
  accept: AcceptBroadcast = () => {},
  change: Partial<RedisStreamsBroadcasterOptions> = {},
): Promise<Taking> {
  const log = recordedLog();
  const broadcaster = redisStreamsBroadcaster({ ...streamsOptions({ url }), clock: impatientClock(), logger: log.logger, ...change });
  cleanups.push(() => broadcaster.stop());
  const bodies: string[] = [];
  await broadcaster.start((body) => {
    bodies.push(body);
    return accept(body);
  });
  return {
    broadcaster,
    bodies,
    log,
    isConnected: (expected) => expect.poll(() => broadcaster.state!().isConnected, patience).toBe(expected),
  };
}

async function add(url: string, ...bodies: readonly string[]): Promise<void> {
  await redisCall(url, ["MULTI"], ...bodies.map((body) => ["XADD", stream, "*", "payload", body]), ["EXEC"]);
}

/** Entries in the stream, and those that somebody has to handle. */
async function left(url: string): Promise<unknown> {
  const [length, pending] = (await redisCall(url, ["XLEN", stream], ["XPENDING", stream, "bx"])) as [number, [number]];
  return [length, pending[0]];
}

describe("a Redis stream whose Redis goes away", () => {
  it("is waited for, for ever, and begun when it comes", async () => {
    const port = await freePort();
    const { bodies, isConnected, broadcaster } = await take(`redis://127.0.0.1:${port}`);
    await eventually(() => broadcaster.state!().problem).toContain("ECONNREFUSED");
    const server = await startRedis({ port });
    cleanups.push(() => server.kill());
    await isConnected(true);
    await add(nodeUrl(server), "0");
    await eventually(() => bodies).toEqual(["0"]);
  });

  it.each(["before", "after"])("is gone on with, in order, and nothing twice, when one was accepted %s Redis was back", async (when) => {
    const server = await redis(...keepsData);
    const url = nodeUrl(server);
    const hand = deferred();
    const { bodies, isConnected, log } = await take(url, (body) => (body === "1" ? hand.promise : undefined));
    await isConnected(true);
    await add(url, "0", "1", "2", "3");
    await eventually(() => bodies).toEqual(["0", "1"]);
    await eventually(() => left(url)).toEqual([3, 3]);
    await server.kill();
    await isConnected(false);
    if (when === "before") hand.resolve();
    await server.restart();
    await isConnected(true);
    await add(url, "4");
    hand.resolve();
    await eventually(() => bodies).toEqual(["0", "1", "2", "3", "4"]);
    await eventually(() => left(url)).toEqual([0, 0]);
    expect(log.messages()).toEqual(["Taking publications from a Redis stream", "Redis is lost; trying to get it back", "Redis is back"]);
  });

  it("is taken from again, as often as that happens, when everything was lost with it", async () => {
    const server = await redis();
    const url = nodeUrl(server);
    const { bodies, isConnected } = await take(url);
    for (const body of ["0", "1", "2"]) {
      await isConnected(true);
      await add(url, body);
      await eventually(() => bodies.at(-1)).toBe(body);
      await eventually(() => left(url)).toEqual([0, 0]);
      await server.kill();
      await isConnected(false);
      await server.restart();
    }
    expect(bodies).toEqual(["0", "1", "2"]);
  });

  it("is given up when it hangs, and gone on with", async () => {
    const server = await redis();
    const url = nodeUrl(server);
    const { bodies, isConnected, broadcaster } = await take(url);
    await isConnected(true);
    server.freeze();
    await isConnected(false);
    expect(broadcaster.state!().problem).toMatch(/does not answer|ETIMEDOUT|timeout/i);
    server.thaw();
    await isConnected(true);
    await add(url, "0");
    await eventually(() => bodies).toEqual(["0"]);
    await eventually(() => left(url)).toEqual([0, 0]);
  }, 30_000);

  it("does not keep a node from stopping while it hangs", async () => {
    const server = await redis();
    const { isConnected, broadcaster } = await take(nodeUrl(server), () => {}, { pingIntervalMs: 600_000 });
    await isConnected(true);
    server.freeze();
    await broadcaster.stop();
    expect(broadcaster.state!().isConnected).toBe(false);
    server.thaw();
  });

  it("is something else under that name: that is said, and tried again until it is a stream", async () => {
    const server = await redis();
    const url = nodeUrl(server);
    await redisCall(url, ["SET", stream, "a text"]);
    const { bodies, isConnected, broadcaster } = await take(url);
    await eventually(() => broadcaster.state!().problem).toBe("it answered WRONGTYPE");
    await redisCall(url, ["DEL", stream]);
    await isConnected(true);
    await add(url, "0");
    await eventually(() => bodies).toEqual(["0"]);
  });

  it("needs no rights but those for its keys", async () => {
    const server = await redis();
    const url = nodeUrl(server);
    const commands = ["-@all", "+xgroup|create", "+xreadgroup", "+xautoclaim", "+xack", "+xdel", "+xclaim", "+xpending", "+xadd", "+time"];
    await redisCall(url, ["ACL", "SETUSER", "cable", "on", ">pw", "resetkeys", `~${stream}`, `~{${stream}}:*`, ...commands]);
    const { bodies, isConnected, broadcaster } = await take(`redis://cable:pw@127.0.0.1:${server.port}`);
    await isConnected(true);
    await add(url, "0");
    await eventually(() => bodies).toEqual(["0"]);
    await eventually(() => left(url)).toEqual([0, 0]);
    await broadcaster.stop();
  });
});
