import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort } from "../support/free-port.ts";
import { redisCall, redisPublish } from "../support/redis-client.ts";
import { nodeUrl, startCluster, type RedisCluster } from "../support/redis-cluster.ts";
import { listenTo, stopListening, type Listening } from "../support/redis-listening.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

stopListening();

describe("a cluster of three masters and a replica", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.kill());

  const masters = (): readonly RedisServer[] => cluster.nodes.slice(0, 3);
  const allUrls = (): string => masters().map(nodeUrl).join(",");

  /** The node that it is connected to. */
  function nodeOf(listening: Listening): RedisServer {
    return cluster.nodes.find(({ port }) => listening.state.target.endsWith(`:${port}`))!;
  }

  /** Until a node has noticed that another one is back, it passes nothing on to it. */
  async function hearsAll(listening: Listening, publishers: readonly RedisServer[]): Promise<void> {
    await vi.waitFor(
      async () => {
        listening.bodies.length = 0;
        for (const node of publishers) await redisPublish(nodeUrl(node), `from ${node.port}`);
        await vi.waitFor(() => expect(listening.bodies.toSorted()).toEqual(publishers.map(({ port }) => `from ${port}`).toSorted()), {
          timeout: 500,
          interval: 5,
        });
      },
      { timeout: 10_000 },
    );
  }

  it.each([0, 0.4, 0.8])("is heard whole at one node (with chance %d to choose it)", async (chance) => {
    const listening = await listenTo({ url: allUrls() }, { random: () => chance });
    await listening.connected(masters()[Math.floor(chance * 3)]!.port);
    await hearsAll(listening, cluster.nodes);
  });

  it("goes on at another node when the one in use is killed, and with the replica in its place", async () => {
    const listening = await listenTo({ url: allUrls() }, { random: () => 0 });
    await listening.connected(masters()[0]!.port);
    const killed = nodeOf(listening);
    await killed.kill();
    await listening.away();
    await listening.connected();
    const rest = cluster.nodes.filter((node) => node !== killed);
    expect(rest).toContain(nodeOf(listening));
    await hearsAll(listening, rest);
    // The replica takes over, which moves nobody.
    await vi.waitFor(
      async () => {
        const [[role]] = (await redisCall(nodeUrl(cluster.nodes[3]!), ["ROLE"])) as [[string]];
        expect(role).toBe("master");
      },
      { timeout: 30_000 },
    );
    await hearsAll(listening, rest);
    expect(listening.log.messages()).toEqual(["Taking publications from Redis", "Redis is lost; trying to get it back", "Redis is back"]);
    await killed.restart();
    await cluster.whole();
  });

  it("finds its other nodes out when one is named, and goes on there when that one is killed", async () => {
    const named = masters()[1]!;
    const listening = await listenTo({ url: nodeUrl(named) });
    await listening.connected(named.port);
    await named.kill();
    await listening.away();
    await listening.connected();
    expect(nodeOf(listening)).not.toBe(named);
    await hearsAll(
      listening,
      cluster.nodes.filter((node) => node !== named),
    );
    await named.restart();
    await cluster.whole();
  });

  it("is looked for at the next node that was named when one is away", async () => {
    const listening = await listenTo({ url: `redis://127.0.0.1:${await freePort()},${nodeUrl(masters()[2]!)}` }, { random: () => 0 });
    await listening.connected(masters()[2]!.port);
  });

  // Last: this node does not come back.
  it("goes on at another node when the one in use was taken out and lives on, silent", async () => {
    const listening = await listenTo({ url: nodeUrl(masters()[2]!), checkIntervalMs: 50 });
    await listening.connected(masters()[2]!.port);
    await redisCall(nodeUrl(masters()[2]!), ["CLUSTER", "RESET", "HARD"]);
    await listening.complained(/has lost its cluster/);
    await listening.connected();
    expect(nodeOf(listening)).not.toBe(masters()[2]!);
    await hearsAll(listening, [cluster.nodes[0]!, cluster.nodes[1]!, cluster.nodes[3]!]);
  });
});

describe("several servers that are no cluster", () => {
  it("are tried in turn, with a warning that only one of them is heard", async () => {
    const [one, other] = [await startRedis(), await startRedis()];
    try {
      const listening = await listenTo({ url: `${nodeUrl(one)},${nodeUrl(other)}` }, { random: () => 0 });
      await listening.connected(one.port);
      expect(listening.log.messages()).toContain(
        "redis_url names several servers, but they are no cluster: what is published to another one is not heard",
      );
      await one.kill();
      await listening.away();
      await listening.connected(other.port);
      await listening.hears(nodeUrl(other), "from the other");
    } finally {
      for (const server of [one, other]) await server.kill();
    }
  });

  it("a sentinel among them is not taken for a Redis", async () => {
    const sentinel = await startRedis({ sentinelFile: "" });
    try {
      const listening = await listenTo({ url: nodeUrl(sentinel) });
      await listening.complained(/this is a sentinel; sentinels are named in redis_sentinels/);
    } finally {
      await sentinel.kill();
    }
  });
});
