import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Pubsub } from "../../src/pubsub/pubsub.ts";
import { redisPubsub } from "../../src/pubsub/redis.ts";
import { eventually } from "../support/eventually.ts";
import { pubsubChannels, redisMedium } from "../support/redis-pubsub-medium.ts";
import { knowsReplicas, startSentinel } from "../support/redis-sentinel.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { pubsubContract, type PubsubRig } from "./pubsub.contract.ts";

const clock = systemClock();
const redis = (sentinel: { readonly url: string }): { readonly url: string; readonly sentinels: readonly string[] } => ({
  url: "mymaster",
  sentinels: [sentinel.url],
});

describe("a master that a sentinel knows", () => {
  let master: RedisServer;
  let sentinel: Awaited<ReturnType<typeof startSentinel>>;
  beforeAll(async () => {
    master = await startRedis();
    sentinel = await startSentinel({ master });
  });
  afterAll(async () => {
    for (const server of [master, sentinel]) await server.kill();
  });

  pubsubContract("redis behind a sentinel", [2, 3], async (): Promise<PubsubRig> => ({
    node: (parts) => redisPubsub({ ...parts, clock, channels: pubsubChannels, redis: redis(sentinel) }),
    medium: { ...redisMedium([master]), kill: () => master.kill(), restart: () => master.restart() },
    close: async () => {},
  }));
});

describe("a master and its replica", () => {
  it("of which one takes over from the other: nodes go with it, and say what they may have missed", async () => {
    const master = await startRedis();
    const replica = await startRedis({ config: ["--replicaof", "127.0.0.1", String(master.port)] });
    const sentinel = await startSentinel({ master });
    await knowsReplicas(sentinel.url, 1);
    const heard: string[] = [];
    let missed = 0;
    const open = async (): Promise<Pubsub> => {
      const pubsub = redisPubsub({
        clock,
        channels: pubsubChannels,
        redis: redis(sentinel),
        logger: silentLogger,
        metrics: createMetrics(),
      });
      await pubsub.start({ deliver: ({ json }) => void heard.push(json), execute: () => {}, missed: () => void missed++ });
      await eventually(() => pubsub.state!().isConnected).toBe(true);
      await pubsub.subscribe("s");
      return pubsub;
    };
    const nodes = [await open(), await open()];
    const publish = (json: string): Promise<void> | void =>
      nodes[0]!.publish({ stream: "s", json, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0 });
    try {
      await publish("1");
      await eventually(() => heard).toEqual(["1", "1"]);
      expect(missed).toBe(0);
      await master.kill();
      await expect.poll(() => missed, { timeout: 20_000, interval: 10 }).toBe(2);
      for (const node of nodes) await eventually(() => node.state!().isConnected).toBe(true);
      expect(await redisMedium([replica]).subscribers(["s"])).toEqual([2]);
      await publish("2");
      await eventually(() => heard).toEqual(["1", "1", "2", "2"]);
    } finally {
      for (const node of nodes) await node.stop();
      for (const server of [master, replica, sentinel]) await server.kill();
    }
  }, 60_000);
});
