// Redis fails over while the application goes on publishing: clients notice nothing but a gap.

import { WebSocket } from "ws";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { nodeUrl, startCluster } from "../support/redis-cluster.ts";
import { redisCall } from "../support/redis-client.ts";
import { RedisPublisher } from "../support/redis-publisher.ts";
import { knowsReplicas, startSentinel } from "../support/redis-sentinel.ts";
import { redisPem, startRedis, type RedisServer } from "../support/redis-server.ts";
import { Ropeway, standalone } from "../support/ropeway.ts";

const stream = "news";
const identifier = publicStream(stream);

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function ropewayWith(...flags: readonly string[]): Promise<Ropeway> {
  const ropeway = new Ropeway([...standalone, "--port=0", "--log_format=json", "--broadcast_adapter=redis", ...flags]);
  cleanups.push(() => ropeway.stop());
  await ropeway.logged(/^Handle WebSocket connections at/);
  await ropeway.logged("Taking publications from Redis");
  return ropeway;
}

interface Readiness {
  readonly status: string;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly since_ms: number; readonly detail: string }>>;
}

async function readiness(ropeway: Ropeway): Promise<Readiness> {
  return (await (await fetch(ropeway.http("/ready"))).json()) as Readiness;
}

/** The numbers that a client has heard, of which every message must be one. */
function numbers(client: CableClient): number[] {
  return client.unread.map((message) => {
    expect(message).toEqual({ identifier, message: expect.any(Number) });
    return message["message"] as number;
  });
}

/** Kills a server in the middle of it all, and looks at what clients, log and readiness page tell. */
async function failsOver(ropeway: Ropeway, urls: readonly string[], victim: RedisServer): Promise<void> {
  const clients = [await CableClient.connect(ropeway.cable), await CableClient.connect(ropeway.cable)];
  for (const client of clients) {
    cleanups.push(() => client.close());
    expect(await client.subscribe(identifier)).toMatchObject({ type: "confirm_subscription" });
  }
  const publisher = new RedisPublisher(urls, stream);
  cleanups.push(() => publisher.stop());
  await eventually(() => clients.every((client) => client.unread.length > 100)).toBe(true);
  expect(await readiness(ropeway)).toMatchObject({ status: "ready", parts: { "broadcaster redis": { ok: true } } });

  await victim.kill();
  await ropeway.logged("Redis is lost; trying to get it back");
  // Not for so long that the load balancer should know. It may be back already when there is another node.
  const meanwhile = await readiness(ropeway);
  if (!meanwhile.parts["broadcaster redis"]!.ok) {
    expect(meanwhile).toMatchObject({
      status: "degraded",
      parts: { "broadcaster redis": { detail: expect.stringMatching(/closed|ECONN|master/) } },
    });
  }
  const { server } = await ropeway.logged("Redis is back");
  // Each connection comes back by itself: that of the broadcaster, and that of the pub/sub.
  await eventually(async () => (await readiness(ropeway)).status).toBe("ready");
  // One may have been on its way before.
  const first = publisher.next + 1;
  await publisher.more(500);
  await publisher.stop();

  const last = publisher.next - 1;
  for (const client of clients) {
    await eventually(() => numbers(client).at(-1)).toBe(last);
    const heard = numbers(client);
    expect(heard.filter((number) => number >= first)).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
    expect(heard.every((number, index) => index === 0 || number > heard[index - 1]!)).toBe(true);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  }
  const after = await readiness(ropeway);
  expect(after).toMatchObject({
    status: "ready",
    parts: { "broadcaster redis": { ok: true, detail: expect.stringContaining(`at ${String(server)}`) } },
  });
  expect(server).not.toBe(`127.0.0.1:${victim.port}`);
}

describe("a master behind a sentinel is killed under load", () => {
  const password = "data-pa55";
  let master: RedisServer;
  let replica: RedisServer;
  let sentinel: Awaited<ReturnType<typeof startSentinel>>;

  beforeEach(async () => {
    const config = ["--requirepass", password, "--masterauth", password];
    master = await startRedis({ config });
    cleanups.push(() => master.kill());
    replica = await startRedis({ config: [...config, "--replicaof", "127.0.0.1", String(master.port)] });
    cleanups.push(() => replica.kill());
    sentinel = await startSentinel({ master, password: "s3ntinel-pa55", dataPassword: password });
    cleanups.push(() => sentinel.kill());
    await knowsReplicas(sentinel.url, 1);
  });

  it("and its replica goes on: nobody is disconnected, and what comes after is whole and in order", { timeout: 60_000 }, async () => {
    const ropeway = await ropewayWith(
      `--redis_url=redis://:${password}@mymaster`,
      `--redis_sentinels=:s3ntinel-pa55@127.0.0.1:${sentinel.port}`,
    );
    const urls = [master, replica].map(({ port }) => `redis://:${password}@127.0.0.1:${port}`);
    await failsOver(ropeway, urls, master);
    expect(JSON.stringify(ropeway.log) + JSON.stringify(await readiness(ropeway))).not.toContain("pa55");
  });
});

describe("a node of a cluster is killed under load", () => {
  it("and another one goes on: nobody is disconnected, and what comes after is whole and in order", { timeout: 60_000 }, async () => {
    const cluster = await startCluster();
    cleanups.push(() => cluster.kill());
    const ropeway = await ropewayWith(`--redis_url=${cluster.nodes.map(nodeUrl).join(",")}`);
    const { detail } = (await readiness(ropeway)).parts["broadcaster redis"]!;
    const victim = cluster.nodes.find(({ port }) => detail.endsWith(`, at 127.0.0.1:${port}`))!;
    const others = cluster.nodes.filter((node) => node !== victim);
    // The application publishes at another node than the one that we listen to.
    await failsOver(ropeway, others.map(nodeUrl), victim);
  });
});

describe("Redis with a certificate that nobody vouches for", () => {
  it("is not listened to when certificates are verified: log and readiness say why", async () => {
    const server = await startRedis({ tls: { certFile: redisPem("redis-cert.pem"), keyFile: redisPem("redis-key.pem") } });
    cleanups.push(() => server.kill());
    const ropeway = new Ropeway([
      ...standalone,
      "--port=0",
      "--log_format=json",
      "--broadcast_adapter=redis",
      `--redis_url=rediss://:s3cret@127.0.0.1:${server.port}`,
      "--redis_tls_verify",
      `--redis_tls_ca_cert_path=${redisPem("redis-ca.pem")}`,
    ]);
    cleanups.push(() => ropeway.stop());
    const { error } = await ropeway.logged("Redis can't be reached; trying on");
    expect(error).toMatch(/self-signed certificate.*redis_tls_ca_cert_path/);
    await ropeway.logged(/^Handle WebSocket connections at/);
    const state = await readiness(ropeway);
    expect(state).toMatchObject({
      status: "degraded",
      parts: { "broadcaster redis": { ok: false, detail: expect.stringMatching(/^rediss:\/\/127\.0\.0\.1:\d+: self-signed certificate/) } },
    });
    expect(JSON.stringify([ropeway.log, state])).not.toContain("s3cret");
    expect((await redisCall(`rediss://127.0.0.1:${server.port}`, ["PUBSUB", "NUMSUB", "__anycable__"]))[0]).toEqual(["__anycable__", 0]);
  });
});
