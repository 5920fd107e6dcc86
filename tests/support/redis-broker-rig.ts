import { setTimeout as pause } from "node:timers/promises";
import type { Broker } from "../../src/broker/broker.ts";
import { redisBroker, type RedisBrokerOptions } from "../../src/broker/redis/index.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import type { BrokerRig, BrokerSettings } from "./broker-rig.ts";
import { redisCall } from "./redis-client.ts";
import { startRedis, type RedisServer } from "./redis-server.ts";

/** A broker that soon gives up waiting for an answer. */
function redisBrokerOf(settings: BrokerSettings, options: Partial<RedisBrokerOptions> & Pick<RedisBrokerOptions, "redis">): Broker {
  return redisBroker({
    settingsFor: settings.history,
    sessionsTtlMs: settings.sessionsTtlMs,
    presenceTtlMs: settings.presenceTtlMs,
    timeoutMs: 1_000,
    clock: systemClock(),
    logger: silentLogger,
    ...options,
  });
}

/** Every Redis has the machine's clock. */
const realTime: Pick<BrokerRig, "pass" | "nowMs" | "shortTtlMs"> = {
  pass: (ms) => pause(ms),
  nowMs: Date.now,
  shortTtlMs: 400,
};

/** One real Redis. */
export async function openRedisBrokerRig(): Promise<BrokerRig> {
  const server = await startRedis();
  const url = `redis://127.0.0.1:${server.port}/3`;
  return {
    ...realTime,
    newNode: (settings) => redisBrokerOf(settings, { redis: { url } }),
    otherNodes: true,
    restartEmpty: () => server.restart(),
    restartKept: () => restartKept(server, url),
    snapshot: () => snapshotOf(server, url),
    freeze: async () => {
      server.freeze();
      return { thaw: async () => server.thaw() };
    },
    close: async () => {
      server.thaw();
      await server.kill();
    },
  };
}

async function restartKept(server: RedisServer, url: string): Promise<void> {
  await redisCall(url, ["SAVE"]);
  await server.restart();
}

/** Its file of now is what it starts with later. */
async function snapshotOf(server: RedisServer, url: string): Promise<{ readonly rollBack: () => Promise<void> }> {
  await redisCall(url, ["SAVE"]);
  return { rollBack: () => server.restart() };
}
