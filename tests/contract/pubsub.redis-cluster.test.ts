import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { redisPubsub } from "../../src/pubsub/redis.ts";
import { nodeUrl, startCluster, type RedisCluster } from "../support/redis-cluster.ts";
import { pubsubChannels, redisMedium } from "../support/redis-pubsub-medium.ts";
import { pubsubContract, type PubsubRig } from "./pubsub.contract.ts";

const clock = systemClock();

describe("three masters and a replica", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.kill());

  pubsubContract("redis cluster", [2, 3], async (): Promise<PubsubRig> => {
    const url = cluster.nodes.slice(0, 3).map(nodeUrl).join(",");
    return {
      node: (parts) => redisPubsub({ ...parts, clock, channels: pubsubChannels, redis: { url } }),
      medium: {
        ...redisMedium(cluster.nodes),
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
