import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { redisCall } from "../support/redis-client.ts";
import { eventually } from "../support/eventually.ts";
import { listenTo, stopListening } from "../support/redis-listening.ts";
import { knowsReplicas, startSentinel } from "../support/redis-sentinel.ts";
import { redisPem, startRedis, type RedisServer } from "../support/redis-server.ts";
import { freePort } from "../support/free-port.ts";

stopListening();

type Sentinel = Awaited<ReturnType<typeof startSentinel>>;

const dataPassword = "data-pa55";
const password = "s3ntinel-pa55";

function urlOf(server: RedisServer): string {
  return `redis://:${dataPassword}@127.0.0.1:${server.port}`;
}

describe("a master and its replica, watched by a sentinel", () => {
  let servers: readonly [RedisServer, RedisServer];
  let sentinel: Sentinel;

  beforeAll(async () => {
    const secrets = ["--requirepass", dataPassword, "--masterauth", dataPassword];
    const master = await startRedis({ config: secrets });
    const replica = await startRedis({ config: [...secrets, "--replicaof", "127.0.0.1", String(master.port)] });
    servers = [master, replica];
    sentinel = await startSentinel({ master, password, dataPassword });
    await knowsReplicas(sentinel.url, 1);
  });
  afterAll(async () => {
    for (const server of [...servers, sentinel]) await server.kill();
  });

  /** The one that the sentinel calls master, and the other one. */
  async function roles(): Promise<readonly [RedisServer, RedisServer]> {
    const [[, port]] = (await redisCall(sentinel.url, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"])) as [[string, string]];
    return Number(port) === servers[0].port ? [servers[0], servers[1]] : [servers[1], servers[0]];
  }

  const url = `redis://:${dataPassword}@mymaster/3`;

  it("is found by its name, with a login for the sentinel and another for the master", async () => {
    const [master] = await roles();
    const listening = await listenTo({ url, sentinels: [`:${password}@127.0.0.1:${sentinel.port}`] });
    await listening.connected(master.port);
    await listening.hears(urlOf(master), "hello");
    expect(listening.state.target).toBe(`mymaster of the sentinels 127.0.0.1:${sentinel.port}, at 127.0.0.1:${master.port}`);
  });

  it("is followed when the master is killed", async () => {
    const [master, replica] = await roles();
    const listening = await listenTo({ url, sentinels: [`:${password}@127.0.0.1:${sentinel.port}`] });
    await listening.connected(master.port);
    await listening.hears(urlOf(master), "before");
    await master.kill();
    await listening.away();
    expect(listening.state.problem).toMatch(/closed|ECONNRE/);
    await listening.connected(replica.port);
    await listening.hears(urlOf(replica), "after");
    expect(listening.log.messages()).toEqual(["Taking publications from Redis", "Redis is lost; trying to get it back", "Redis is back"]);
    expect(listening.log.lines.at(-1)!.fields).toMatchObject({ server: `127.0.0.1:${replica.port}` });
    expect(JSON.stringify(listening.log.lines)).not.toMatch(/pa55/);
    await master.restart();
    await knowsReplicas(sentinel.url, 1);
  });

  it("is followed when the master hangs, as soon as the sentinel says so", async () => {
    const [master, replica] = await roles();
    // No answer to a ping will be missed before.
    const listening = await listenTo({ url, sentinels: [sentinel.url], checkIntervalMs: 0 }, { pingIntervalMs: 600_000 });
    await listening.connected(master.port);
    // What listens to the sentinel has to be there too.
    await vi.waitFor(
      () => expect(listening.log.lines).toContainEqual(expect.objectContaining({ message: "Listening to a sentinel" })),
      10_000,
    );
    master.freeze();
    try {
      await listening.connected(replica.port);
      await listening.hears(urlOf(replica), "after");
      await listening.complained(/the master is at 127\.0\.0\.1:\d+ now/);
    } finally {
      master.thaw();
    }
    await knowsReplicas(sentinel.url, 1);
  });

  it("is followed when the roles are changed on purpose", async () => {
    const [master, replica] = await roles();
    const listening = await listenTo({ url, sentinels: [sentinel.url] });
    await listening.connected(master.port);
    await vi.waitFor(
      async () => {
        if ((await roles())[0] === replica) return;
        // It refuses, or gives up, when what it has heard of the replica is not new enough.
        await redisCall(sentinel.url, ["SENTINEL", "FAILOVER", "mymaster"]);
        throw new Error("not yet");
      },
      { timeout: 20_000, interval: 500 },
    );
    await listening.connected(replica.port);
    await listening.hears(urlOf(replica), "after");
    await knowsReplicas(sentinel.url, 1);
  });

  it("is asked for again now and then, since an announcement may be missed and the old master may live on", async () => {
    const [lone, other] = [await startRedis(), await startRedis()];
    const second = await startSentinel({ master: lone, masterName: "moving" });
    try {
      const listening = await listenTo({ url: "moving", sentinels: [second.url], checkIntervalMs: 50 });
      await listening.connected(lone.port);
      await redisCall(
        second.url,
        ["SENTINEL", "REMOVE", "moving"],
        ["SENTINEL", "MONITOR", "moving", "127.0.0.1", String(other.port), "1"],
      );
      await listening.connected(other.port);
      await listening.hears(`redis://127.0.0.1:${other.port}`, "after");
      await listening.complained(/the master is at/);
    } finally {
      for (const server of [lone, other, second]) await server.kill();
    }
  });

  it("is not mistaken for its replica", async () => {
    const [, replica] = await roles();
    await redisCall(
      sentinel.url,
      ["SENTINEL", "MONITOR", "wrong", "127.0.0.1", String(replica.port), "1"],
      ["SENTINEL", "SET", "wrong", "auth-pass", dataPassword],
    );
    const listening = await listenTo({ url: `redis://:${dataPassword}@wrong`, sentinels: [sentinel.url] });
    await listening.complained(/is no master any more, or not yet/);
    expect(listening.state.isConnected).toBe(false);
    await redisCall(sentinel.url, ["SENTINEL", "REMOVE", "wrong"]);
  });

  it("is missed with a clear word: unknown name, wrong passwords, no sentinel", async () => {
    const dead = await freePort();
    for (const [redis, about] of [
      [{ url: "nobody", sentinels: [sentinel.url] }, /no sentinel knows the master \(127\.0\.0\.1:\d+: knows no master named "nobody"\)/],
      [{ url, sentinels: [`127.0.0.1:${sentinel.port}`] }, /NOAUTH/],
      [{ url, sentinels: [`:wr0ng@127.0.0.1:${sentinel.port}`] }, /WRONGPASS/],
      [{ url: "redis://:wr0ng@mymaster", sentinels: [sentinel.url] }, /WRONGPASS/],
      [{ url, sentinels: [`127.0.0.1:${dead}`] }, /ECONNREFUSED/],
    ] as const) {
      const listening = await listenTo(redis);
      await listening.complained(about);
      // What listens to the sentinel may complain before what asks it.
      await eventually(() => listening.state).toMatchObject({ isConnected: false, problem: expect.stringMatching(/sentinel|WRONGPASS/) });
      expect(JSON.stringify(listening.log.lines)).not.toMatch(/pa55|wr0ng/);
      await listening.broadcaster.stop();
    }
  });

  it("is asked for at the next sentinel when one is gone", async () => {
    const [master] = await roles();
    const listening = await listenTo({ url, sentinels: [`:${password}@127.0.0.1:${await freePort()}`, `127.0.0.1:${sentinel.port}`] });
    await listening.connected(master.port);
    await listening.hears(urlOf(master), "hello");
  });

  it("is asked for at sentinels that nobody named, when those that somebody did are gone", async () => {
    const [master] = await roles();
    const named = await startSentinel({ master, password, dataPassword });
    const others = async (): Promise<number> =>
      ((await redisCall(named.url, ["SENTINEL", "SENTINELS", "mymaster"])) as [unknown[]])[0].length;
    await vi.waitFor(async () => expect(await others()).toBe(1), { timeout: 10_000 });
    const listening = await listenTo({ url, sentinels: [named.url] });
    await listening.connected(master.port);
    await named.kill();
    await redisCall(urlOf(master), ["CLIENT", "KILL", "TYPE", "pubsub"]);
    await listening.away();
    await listening.connected(master.port);
    await listening.hears(urlOf(master), "after");
    await redisCall(sentinel.url, ["SENTINEL", "RESET", "mymaster"]);
    await knowsReplicas(sentinel.url, 1);
  });

  it("stays connected while all sentinels are away, says so once, and says when one is back", async () => {
    const [master] = await roles();
    const named = await startSentinel({ master, dataPassword });
    const listening = await listenTo({ url, sentinels: [named.url], checkIntervalMs: 20 });
    await listening.connected(master.port);
    await vi.waitFor(
      () => expect(listening.log.lines).toContainEqual(expect.objectContaining({ message: "Listening to a sentinel" })),
      20_000,
    );
    await named.kill();
    const warning = "No sentinel can be listened to: a new master is noticed late";
    await vi.waitFor(() => expect(listening.log.messages()).toContain(warning), { timeout: 20_000 });
    await listening.hears(urlOf(master), "all the same");
    await named.restart();
    await vi.waitFor(() => expect(listening.log.messages()).toContain("A sentinel can be listened to again"), { timeout: 20_000 });
    expect(listening.log.messages().filter((message) => message === warning)).toHaveLength(1);
    expect(listening.log.messages()).not.toContain("Redis is lost; trying to get it back");
    await named.kill();
  });
});

describe("TLS with sentinels", () => {
  const tls = { certFile: redisPem("redis-server.pem"), keyFile: redisPem("redis-server-key.pem"), clientCaFile: redisPem("redis-ca.pem") };
  const ours = {
    verify: true,
    caPath: redisPem("redis-ca.pem"),
    certPath: redisPem("redis-client.pem"),
    keyPath: redisPem("redis-client-key.pem"),
  };
  const servers: RedisServer[] = [];
  let master: RedisServer;

  beforeAll(async () => {
    master = await startRedis({ tls });
    servers.push(master);
  });
  afterAll(async () => {
    for (const server of servers) await server.kill();
  });

  // Sentinels need not know the master well to tell where it is.
  it("is for both when both URLs are rediss://", async () => {
    const sentinel = await startSentinel({ master, server: { tls } });
    servers.push(sentinel);
    const listening = await listenTo({ url: "rediss://mymaster", sentinels: [`rediss://localhost:${sentinel.port}`], tls: ours });
    await listening.connected(master.port);
  });

  it.each([
    ["rediss://mymaster", ""],
    ["redis://mymaster", "rediss://"],
  ])("is for the master alone with %s and sentinels %shost", async (url, scheme) => {
    const sentinel = await startSentinel({ master });
    servers.push(sentinel);
    const listening = await listenTo({ url, sentinels: [`${scheme}localhost:${sentinel.port}`], tls: ours });
    await listening.connected(master.port);
  });
});
