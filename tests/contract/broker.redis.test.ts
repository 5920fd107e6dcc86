import { afterAll, beforeAll } from "vitest";
import { openRedisRig, plainUrl } from "../support/redis-broker-rig.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { brokerContract } from "./broker.contract.ts";
import { historyContract } from "./broker-history.contract.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.kill());

const url = (): string => `${plainUrl(server)}/3`;

brokerContract("redis", () => openRedisRig({ servers: () => [server], options: () => ({ redis: { url: url() } }) }));

historyContract("redis that announces", () =>
  openRedisRig({
    servers: () => [server],
    options: () => ({ redis: { url: url() }, prefix: "app:", announce: { channelOf: (stream) => `app:${stream}` } }),
  }),
);
