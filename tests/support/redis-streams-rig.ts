import { createClient } from "@redis/client";
import { redisStreamsBroadcaster, type RedisStreamsBroadcasterOptions } from "../../src/broadcasters/redis-streams.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { RedisOptions } from "../../src/redis/open.ts";
import type { BroadcasterRig } from "../contract/broadcaster.contract.ts";
import { redisCall } from "./redis-client.ts";

let consumers = 0;

/** As whoever assembles a server would, but with a consumer's name that nobody else has. */
export function streamsOptions(redis: RedisOptions): RedisStreamsBroadcasterOptions {
  return {
    redis,
    stream: "__anycable__",
    group: "bx",
    consumer: `test-${process.pid}-${consumers++}`,
    blockMs: 2_000,
    maxBodyBytes: 16 * 1024 * 1024,
    isRequired: true,
    clock: systemClock(),
    logger: silentLogger,
    metrics: createMetrics(),
  };
}

/** A broadcaster, and an application that adds to its stream at `url`. */
export async function streamsRig(redis: RedisOptions, url: string): Promise<BroadcasterRig> {
  const client = createClient({ url });
  client.on("error", () => {});
  await client.connect();
  await redisCall(url, ["DEL", "__anycable__"]);
  return {
    broadcaster: redisStreamsBroadcaster(streamsOptions(redis)),
    async publish(...bodies) {
      await Promise.all(bodies.map((body) => client.sendCommand(["XADD", "__anycable__", "*", "payload", body])));
      return bodies.map(() => "untold");
    },
    close: async () => client.destroy(),
  };
}
