import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@redis/client";
import type { Broker } from "../../src/broker/broker.ts";
import { redisBroker, type RedisBrokerOptions } from "../../src/broker/redis/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { decodeMessage } from "../../src/publications/envelope.ts";
import type { Publication } from "../../src/publications/publication.ts";
import type { BrokerRig, BrokerSettings } from "./broker-rig.ts";
import { redisCall } from "./redis-client.ts";
import type { RedisServer } from "./redis-server.ts";

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

export interface RedisRigOptions {
  /** One server, or all that keep the data together. They run before each test, and are emptied. */
  readonly servers: () => readonly RedisServer[];
  /** How to reach one of them. Default: by its port. */
  readonly urlOf?: (server: RedisServer) => string;
  /** Where nodes look for Redis, and what else they are told. */
  readonly options: () => Partial<RedisBrokerOptions> & Pick<RedisBrokerOptions, "redis">;
  /** Waits until the servers work together. Default: they need nothing. */
  readonly settled?: () => Promise<void>;
}

/** Nodes on a Redis, of whatever kind, that all tests of a file use one after the other. */
export async function openRedisRig({ servers, options, settled = async () => {}, ...rest }: RedisRigOptions): Promise<BrokerRig> {
  const { urlOf = plainUrl } = rest;
  const all = async (act: (server: RedisServer) => unknown): Promise<void> => {
    await Promise.all(servers().map(async (server) => act(server)));
  };
  const forget = (server: RedisServer): void => rmSync(join(server.folder, "dump.rdb"), { force: true });
  const restart = async (): Promise<void> => {
    await all((server) => server.kill());
    await all((server) => server.restart());
    await settled();
  };
  const save = (): Promise<void> => all((server) => redisCall(urlOf(server), ["SAVE"]));
  const { announce } = options();
  const listening: { destroy(): void }[] = [];
  await all((server) => redisCall(urlOf(server), ["FLUSHALL"]).catch(unlessReplica));
  return {
    // Every Redis has the machine's clock.
    pass: (ms) => pause(ms),
    nowMs: Date.now,
    shortTtlMs: 1_000,
    newNode: (settings) => redisBrokerOf(settings, options()),
    otherNodes: true,
    restartEmpty: restart,
    restartKept: async () => {
      await save();
      await restart();
    },
    snapshot: async () => {
      await save();
      return { rollBack: restart };
    },
    freeze: async () => {
      await all((server) => server.freeze());
      return {
        thaw: async () => {
          await all((server) => server.thaw());
          await settled();
        },
      };
    },
    // Their pubsub would hear it there.
    hear:
      announce &&
      (async (stream) => {
        const client = createClient({ url: urlOf(servers()[0]!) });
        listening.push(client);
        client.on("error", () => {});
        await client.connect();
        const heard: Publication[] = [];
        await client.subscribe(announce.channelOf(stream), (text) => void heard.push(decodeMessage(text, 0) as Publication));
        return heard;
      }),
    close: async () => {
      for (const client of listening) client.destroy();
      await all((server) => server.thaw());
      await settled();
      await all(forget);
    },
  };
}

export function plainUrl(server: RedisServer): string {
  return `redis://127.0.0.1:${server.port}`;
}

function unlessReplica(error: unknown): void {
  if (!(error instanceof Error && error.message.startsWith("READONLY"))) throw error;
}
