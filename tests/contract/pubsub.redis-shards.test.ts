import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { redisBroker } from "../../src/broker/redis/redis.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Publication } from "../../src/publications/publication.ts";
import { redisPubsub, type RedisPubsubOptions } from "../../src/pubsub/redis.ts";
import { channelNames } from "../../src/redis/channel-names.ts";
import { hashSlot } from "../../src/redis/hash-slot.ts";
import { eventually } from "../support/eventually.ts";
import { redisCall } from "../support/redis-client.ts";
import { moveSlot, nodeUrl, startCluster, type RedisCluster } from "../support/redis-cluster.ts";
import { pubsubChannels, redisMedium } from "../support/redis-pubsub-medium.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { pubsubContract, type PubsubRig } from "./pubsub.contract.ts";

const clock = systemClock();
const { channelOf, shardedChannelOf } = channelNames(pubsubChannels);
const patience = { timeout: 20_000, interval: 20 };

let cluster: RedisCluster;
const redis = (): { readonly url: string; readonly checkIntervalMs: number } => ({
  url: cluster.nodes.slice(0, 3).map(nodeUrl).join(","),
  checkIntervalMs: 1_000,
});
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.kill());

const ask = async (node: RedisServer, ...command: readonly string[]): Promise<unknown> => (await redisCall(nodeUrl(node), command))[0];

/** How many are subscribed to the sharded channels of these streams, node by node. */
async function shardSubscribers(...streams: readonly string[]): Promise<number[][]> {
  const replies = await Promise.all(cluster.nodes.map((node) => ask(node, "PUBSUB", "SHARDNUMSUB", ...streams.map(shardedChannelOf))));
  return replies.map((reply) => streams.map((_, at) => (reply as number[])[2 * at + 1]!));
}

describe("contract", () => {
  pubsubContract("redis cluster, sharded", [2, 3], async (): Promise<PubsubRig> => {
    const plain = redisMedium(cluster.nodes);
    return {
      node: (parts) => redisPubsub({ ...parts, clock, channels: pubsubChannels, redis: redis(), sharded: "auto" }),
      medium: {
        ...plain,
        markers: Array.from({ length: 40 }, (_, number) => `(marker ${number})`),
        async subscribers(streams) {
          const counts = await shardSubscribers(...streams);
          const sums = streams.map((_, at) => counts.reduce((sum, ofNode) => sum + ofNode[at]!, 0));
          // They are subscribed to the others' channels as well, all the time.
          expect(sums).toEqual(await plain.subscribers(streams));
          return sums;
        },
        async subjects() {
          const sharded = await Promise.all(cluster.nodes.map((node) => ask(node, "PUBSUB", "SHARDCHANNELS")));
          return (await plain.subjects()) + sharded.flat().length;
        },
        kill: () => cluster.kill(),
        async restart() {
          await Promise.all(cluster.nodes.map((node) => node.restart()));
          await cluster.whole();
        },
      },
      close: async () => {},
    };
  });
});

describe("sharded pub/sub of a cluster", () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await cluster.whole();
  });

  interface Member {
    readonly pubsub: ReturnType<typeof redisPubsub>;
    readonly heard: string[];
    missed: number;
  }

  async function join(change: Partial<RedisPubsubOptions> = {}): Promise<Member> {
    const options = { clock, channels: pubsubChannels, redis: redis(), sharded: "auto" as const, logger: silentLogger };
    const pubsub = redisPubsub({ ...options, metrics: createMetrics(), ...change });
    stops.push(() => pubsub.stop());
    const member: Member = { pubsub, heard: [], missed: 0 };
    await pubsub.start({ deliver: ({ json }) => void member.heard.push(json), execute: () => {}, missed: () => void member.missed++ });
    await eventually(() => pubsub.state!().isConnected).toBe(true);
    return member;
  }

  function publication(stream: string, json: string): Publication {
    return { stream, json, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0 };
  }

  /** A stream whose channel is at this master, which has a third of the slots. */
  function streamAt(master: number): string {
    for (let number = 0; ; number++) {
      const stream = `s${number}`;
      if (Math.floor(hashSlot(shardedChannelOf(stream)) / (16_384 / 3)) === master) return stream;
    }
  }

  it("goes to the node that has the channel, and nowhere else", async () => {
    const [one, other] = [await join(), await join()];
    expect(one.pubsub.announcement.isSharded).toBe(true);
    for (const node of cluster.nodes) await ask(node, "CONFIG", "RESETSTAT");
    for (const master of [0, 1, 2]) {
      const stream = streamAt(master);
      for (const { pubsub } of [one, other]) await pubsub.subscribe(stream);
      expect(await shardSubscribers(stream)).toEqual([0, 1, 2, 3].map((at) => [at === master ? 2 : 0]));
      await one.pubsub.publish(publication(stream, String(master)));
    }
    for (const { heard } of [one, other]) await eventually(() => heard).toEqual(["0", "1", "2"]);
    for (const [at, node] of cluster.nodes.entries()) {
      const stats = (await ask(node, "INFO", "commandstats")) as string;
      expect(stats).not.toMatch(/cmdstat_publish:/);
      if (at < 3) expect(stats).toMatch(/cmdstat_spublish:calls=1,/);
    }
  });

  it("carries what a broker on the same Redis stores, at the node that stores it", async () => {
    const [one, other] = [await join(), await join()];
    const broker = redisBroker({
      redis: redis(),
      settingsFor: () => ({ limit: 10, ttlMs: 60_000 }),
      announce: one.pubsub.announcement,
      sessionsTtlMs: 0,
      presenceTtlMs: 0,
      clock,
      logger: silentLogger,
    });
    stops.push(() => broker.stop());
    await broker.start({ deliver: () => {}, execute: () => {}, missed: () => {}, expired: () => {} });
    await eventually(() => broker.state!().isConnected).toBe(true);
    for (const node of cluster.nodes) await ask(node, "CONFIG", "RESETSTAT");
    for (const master of [0, 1, 2]) {
      const stream = streamAt(master);
      for (const { pubsub } of [one, other]) await pubsub.subscribe(stream);
      expect(await broker.history!.append(publication(stream, String(master)))).toMatchObject({ offset: 1 });
    }
    for (const { heard } of [one, other]) await eventually(() => heard).toEqual(["0", "1", "2"]);
    for (const [at, node] of cluster.nodes.entries()) {
      const stats = (await ask(node, "INFO", "commandstats")) as string;
      expect(stats).not.toMatch(/cmdstat_publish:/);
      if (at < 3) expect(stats).toMatch(/cmdstat_spublish:calls=1,/);
    }
  });

  it("hears what nodes say that don't use it, while a change is under way", async () => {
    const [sharded, plain] = [await join(), await join({ sharded: false })];
    expect(plain.pubsub.announcement.isSharded).toBe(false);
    expect(plain.pubsub.announcement.channelOf("s")).toBe(channelOf("s"));
    for (const { pubsub } of [sharded, plain]) await pubsub.subscribe("s");
    await plain.pubsub.publish(publication("s", "1"));
    await eventually(() => sharded.heard).toEqual(["1"]);
    await eventually(() => plain.heard).toEqual(["1"]);
  });

  it("follows a slot that moves, says what it may have missed, and leaves nothing behind", async () => {
    const members = [await join(), await join()];
    const stream = streamAt(0);
    for (const { pubsub } of members) for (const name of [stream, streamAt(2)]) await pubsub.subscribe(name);
    const slot = hashSlot(shardedChannelOf(stream));
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      for (const member of members) member.missed = 0;
      await moveSlot(cluster, slot, cluster.nodes[from]!, cluster.nodes[to]!);
      await expect.poll(() => shardSubscribers(stream), patience).toEqual([0, 1, 2, 3].map((at) => [at === to ? 2 : 0]));
      for (const member of members) await eventually(() => member.missed).toBeGreaterThan(0);
      const text = `"to ${to}"`;
      await members[0]!.pubsub.publish(publication(stream, text));
      for (const { heard } of members) await eventually(() => heard.at(-1)).toBe(text);
    }
    for (const { pubsub } of members) pubsub.unsubscribe(stream);
    await eventually(() => shardSubscribers(stream)).toEqual([[0], [0], [0], [0]]);
  }, 60_000);

  // Last: the roles are others afterwards.
  it("follows when a master is killed and its replica takes over", async () => {
    const members = [await join(), await join()];
    const [gone, fine] = [streamAt(0), streamAt(2)];
    for (const { pubsub } of members) for (const name of [gone, fine]) await pubsub.subscribe(name);
    await cluster.nodes[0]!.kill();
    await eventually(() => members[0]!.pubsub.state!().isConnected).toBe(false);
    for (const member of members) await expect.poll(() => member.missed, patience).toBeGreaterThan(0);
    for (const member of members) await expect.poll(() => member.pubsub.state!().isConnected, patience).toBe(true);
    await members[1]!.pubsub.publish(publication(gone, '"at the replica"'));
    await members[1]!.pubsub.publish(publication(fine, '"where it was"'));
    for (const { heard } of members) await eventually(() => heard.toSorted()).toEqual(['"at the replica"', '"where it was"']);
    await cluster.nodes[0]!.restart();
  }, 60_000);
});

describe("a server that is no cluster", () => {
  it("has plain pub/sub, whatever is asked for", async () => {
    const server = await startRedis();
    const pubsub = redisPubsub({
      clock,
      channels: pubsubChannels,
      redis: { url: nodeUrl(server) },
      sharded: "auto",
      logger: silentLogger,
      metrics: createMetrics(),
    });
    try {
      const heard: string[] = [];
      await pubsub.start({ deliver: ({ json }) => void heard.push(json), execute: () => {}, missed: () => {} });
      await eventually(() => pubsub.state!().isConnected).toBe(true);
      await pubsub.subscribe("s");
      await redisCall(nodeUrl(server), ["PUBLISH", "s", '{"stream":"s","data":"1"}']);
      await eventually(() => heard).toEqual(["1"]);
      expect(pubsub.announcement.isSharded).toBe(false);
    } finally {
      await pubsub.stop();
      await server.kill();
    }
  });
});
