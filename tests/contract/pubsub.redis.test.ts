import { systemClock } from "../../src/clock.ts";
import { redisPubsub } from "../../src/pubsub/redis.ts";
import { nodeUrl } from "../support/redis-cluster.ts";
import { pubsubChannels, redisMedium } from "../support/redis-pubsub-medium.ts";
import { startRedis } from "../support/redis-server.ts";
import { pubsubContract } from "./pubsub.contract.ts";

const clock = systemClock();

pubsubContract("redis", [1, 2, 3], async () => {
  const server = await startRedis();
  return {
    node: (parts) => redisPubsub({ ...parts, clock, channels: pubsubChannels, redis: { url: nodeUrl(server) } }),
    medium: { ...redisMedium([server]), kill: () => server.kill(), restart: () => server.restart() },
    close: () => server.kill(),
  };
});
