import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { redisStreamsBroadcaster } from "../../src/broadcasters/redis-streams.ts";
import { hashSlot } from "../../src/redis/hash-slot.ts";
import type { RedisOptions } from "../../src/redis/open.ts";
import { eventually } from "../support/eventually.ts";
import { redisCall } from "../support/redis-client.ts";
import { moveSlot, nodeUrl, startCluster, type RedisCluster } from "../support/redis-cluster.ts";
import { impatientClock } from "../support/redis-listening.ts";
import { knowsReplicas, startSentinel } from "../support/redis-sentinel.ts";
import { redisPem, startRedis, type RedisServer } from "../support/redis-server.ts";
import { streamsOptions, streamsRig } from "../support/redis-streams-rig.ts";
import { broadcasterContract } from "./broadcaster.contract.ts";

const stream = "__anycable__";
const open: Broadcaster[] = [];
afterEach(async () => {
  for (const broadcaster of open.splice(0)) await broadcaster.stop();
});

async function take(redis: RedisOptions): Promise<{ readonly broadcaster: Broadcaster; readonly bodies: string[] }> {
  const broadcaster = redisStreamsBroadcaster({ ...streamsOptions(redis), clock: impatientClock() });
  open.push(broadcaster);
  const bodies: string[] = [];
  await broadcaster.start((body) => void bodies.push(body));
  await connected(broadcaster);
  return { broadcaster, bodies };
}

function connected(broadcaster: Broadcaster): Promise<void> {
  return expect.poll(() => broadcaster.state!().isConnected, { timeout: 20_000, interval: 10 }).toBe(true);
}

const add = (url: string, body: string): Promise<unknown> => redisCall(url, ["XADD", stream, "*", "payload", body]);

describe("a master and its replica, watched by a sentinel", () => {
  let servers: readonly [RedisServer, RedisServer];
  let sentinel: Awaited<ReturnType<typeof startSentinel>>;
  const redis = (): RedisOptions => ({ url: "mymaster", sentinels: [sentinel.url] });
  beforeAll(async () => {
    const master = await startRedis();
    servers = [master, await startRedis({ config: ["--replicaof", "127.0.0.1", String(master.port)] })];
    sentinel = await startSentinel({ master });
    await knowsReplicas(sentinel.url, 1);
  });
  afterAll(async () => {
    for (const server of [...servers, sentinel]) await server.kill();
  });

  broadcasterContract("redis streams behind a sentinel", () => streamsRig(redis(), nodeUrl(servers[0])));

  // Last: the first master does not come back.
  it("are followed when the one takes over from the other", async () => {
    await redisCall(nodeUrl(servers[0]), ["DEL", stream]);
    const { broadcaster, bodies } = await take(redis());
    await add(nodeUrl(servers[0]), "before");
    await eventually(() => bodies).toEqual(["before"]);
    await servers[0].kill();
    await expect.poll(() => broadcaster.state!().target, { timeout: 20_000 }).toMatch(new RegExp(`:${servers[1].port}$`));
    await add(nodeUrl(servers[1]), "after");
    await eventually(() => bodies.at(-1)).toBe("after");
  }, 60_000);
});

describe("a cluster of three masters and a replica", () => {
  let cluster: RedisCluster;
  const redis = (): RedisOptions => ({ url: cluster.nodes.slice(0, 3).map(nodeUrl).join(",") });
  /** The second of three has it. */
  const owner = (): RedisServer => cluster.nodes[1]!;
  beforeAll(async () => {
    cluster = await startCluster();
    expect(hashSlot(stream)).toBeGreaterThan(5_461);
    expect(hashSlot(stream)).toBeLessThan(10_923);
  });
  afterAll(() => cluster.kill());

  broadcasterContract("redis streams in a cluster", () => streamsRig(redis(), nodeUrl(owner())));

  it("is asked for the node that has the stream, and again when the stream moves to another one, with what it holds", async () => {
    await redisCall(nodeUrl(owner()), ["DEL", stream]);
    const { broadcaster, bodies } = await take(redis());
    expect(broadcaster.state!().target).toMatch(new RegExp(`at 127.0.0.1:${owner().port}$`));
    await add(nodeUrl(owner()), "before");
    await eventually(() => bodies).toEqual(["before"]);
    await moveSlot(cluster, hashSlot(stream), owner(), cluster.nodes[2]!);
    await expect.poll(() => broadcaster.state!().target, { timeout: 20_000 }).toMatch(new RegExp(`:${cluster.nodes[2]!.port}$`));
    await connected(broadcaster);
    await add(nodeUrl(cluster.nodes[2]!), "after");
    await eventually(() => bodies).toEqual(["before", "after"]);
    await moveSlot(cluster, hashSlot(stream), cluster.nodes[2]!, owner());
  }, 60_000);
});

describe("Redis over TLS", () => {
  it("is read over TLS, with a password", async () => {
    const server = await startRedis({
      tls: { certFile: redisPem("redis-cert.pem"), keyFile: redisPem("redis-key.pem") },
      config: ["--requirepass", "pa55"],
    });
    const url = `rediss://:pa55@127.0.0.1:${server.port}`;
    try {
      const { bodies, broadcaster } = await take({ url: `${url}/3` });
      await add(`${url}/3`, "hello");
      await eventually(() => bodies).toEqual(["hello"]);
      expect(broadcaster.state!().target).not.toContain("pa55");
    } finally {
      await server.kill();
    }
  });
});
