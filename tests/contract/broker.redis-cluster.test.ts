import { afterAll, beforeAll } from "vitest";
import { openRedisRig } from "../support/redis-broker-rig.ts";
import { redisCall } from "../support/redis-client.ts";
import { nodeUrl, startCluster, type RedisCluster } from "../support/redis-cluster.ts";
import { brokerContract } from "./broker.contract.ts";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
  // Here masters stay masters, also when they were frozen for a while.
  for (const node of cluster.nodes) await redisCall(nodeUrl(node), ["CONFIG", "SET", "cluster-replica-no-failover", "yes"]);
});
afterAll(() => cluster.kill());

brokerContract("redis, a cluster", () =>
  openRedisRig({
    servers: () => cluster.nodes,
    settled: () => cluster.whole(),
    options: () => ({ redis: { url: nodeUrl(cluster.nodes[1]!) }, announce: { channelOf: (stream) => stream } }),
  }),
);
