import { redisBroker } from "../../src/broker/redis/redis.ts";
import { redisPubsub } from "../../src/pubsub/redis.ts";
import { channelNames } from "../../src/redis/channel-names.ts";
import { redisCall } from "../support/redis-client.ts";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import type { Medium } from "./shared-ground.ts";

/** Deletes everything, and tells which epoch each stream had. */
const loseScript = `
local keys, heads = redis.call('KEYS', ARGV[1]), {}
for _, key in ipairs(keys) do
  local epoch = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'epoch')
  if epoch then heads[#heads + 1] = {key, epoch} end
end
if #keys > 0 then redis.call('DEL', unpack(keys)) end
return heads
`;

/** A broker and a pub/sub on the same Redis. */
export function redisMedium(server: RedisServer): Medium {
  return {
    port: server.port,
    parts(port, { prefix, setting, settingsFor, clock, logger, metrics }) {
      const channels = { prefix, internal: `${prefix}internal` };
      const redis = { url: `redis://127.0.0.1:${port}` };
      return {
        broker: redisBroker({
          redis,
          prefix,
          settingsFor,
          announce: channelNames(channels),
          sessionsTtlMs: setting.sessionsTtlMs,
          presenceTtlMs: 0,
          timeoutMs: 3_000,
          clock,
          logger,
        }),
        pubsub: redisPubsub({ redis, channels, clock, logger, metrics }),
      };
    },
    async loseData(prefix) {
      const url = `redis://127.0.0.1:${server.port}`;
      const [reply] = await redisCall(url, ["EVAL", loseScript, "0", `${prefix}*`]);
      const heads = reply as readonly (readonly [key: string, epoch: string])[];
      return heads.map(([key, epoch]) => ({ stream: key.slice(key.lastIndexOf(":") + 1), epoch }));
    },
    close: async () => {},
  };
}

/** The same on a Redis of its own, which may die. Its older state is what it had when it died the last time and everything was kept. */
export async function mortalRedisMedium(): Promise<Medium> {
  const server = await startRedis();
  return {
    ...redisMedium(server),
    async restart(keeps) {
      if (keeps === "all") await redisCall(`redis://127.0.0.1:${server.port}`, ["SAVE"]);
      await server.kill();
      if (keeps === "nothing") await rm(join(server.folder, "dump.rdb"), { force: true });
      await server.restart();
    },
    close: () => server.kill(),
  };
}
