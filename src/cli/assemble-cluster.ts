import { randomBytes } from "node:crypto";
import type { Broker } from "../broker/broker.ts";
import { memoryBroker } from "../broker/memory/memory.ts";
import type { Config } from "../config/config.ts";
import { CableError } from "../errors.ts";
import { matches } from "../internal/wildcard.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { localPubsub } from "../pubsub/local.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import type { ChannelNamesOptions } from "../redis/channel-names.ts";
import type { Outside } from "./assemble.ts";

type BrokerConfig = Config["broker"];

/** What is kept of a stream: the first entry of `broker.streams` whose pattern fits it, else what counts for all. */
function streamSettings(broker: BrokerConfig): (stream: string) => { readonly limit: number; readonly ttlMs: number } {
  const settings = (of: { readonly historyLimit: number; readonly historyTtlMs: number }): { limit: number; ttlMs: number } => ({
    limit: of.historyLimit,
    ttlMs: of.historyTtlMs,
  });
  const common = settings(broker);
  if (broker.streams.length === 0) return () => common;
  const special = broker.streams.map((entry) => ({ pattern: entry.pattern, settings: settings(entry) }));
  return (stream) => special.find(({ pattern }) => matches(pattern, stream))?.settings ?? common;
}

/** Whether anybody may be present in a stream; undefined: in all. */
export function presenceRule({ streams }: BrokerConfig): ((stream: string) => boolean) | undefined {
  if (streams.every(({ presence }) => presence)) return undefined;
  return (stream) => streams.find(({ pattern }) => matches(pattern, stream))?.presence ?? true;
}

export async function pubsubOf(
  { pubsub, redis, broadcast }: Config,
  { logger, clock, metrics }: Outside & { readonly metrics: Metrics },
): Promise<Pubsub> {
  switch (pubsub.adapter) {
    case "local":
      return localPubsub();
    case "redis": {
      const { redisPubsub } = await import("../pubsub/redis.ts");
      const channels: ChannelNamesOptions = {
        prefix: redis.prefix,
        internal: pubsub.redisChannel,
        reserved: broadcast.adapters.includes("redis") ? [broadcast.redisChannel] : [],
      };
      return redisPubsub({ redis, channels, clock, logger, metrics });
    }
    case "nats":
      throw notWired("pubsub=nats", "pub/sub between nodes over NATS");
  }
}

export async function brokerOf({ broker, pubsub }: Config, { clock }: Outside): Promise<Broker | undefined> {
  const settingsFor = streamSettings(broker);
  const { sessionsTtlMs, presenceTtlMs } = broker;
  switch (broker.adapter) {
    case "none":
      return undefined;
    case "memory":
      return memoryBroker({
        settingsFor,
        longestTtlMs: Math.max(broker.historyTtlMs, ...broker.streams.map(({ historyTtlMs }) => historyTtlMs)),
        sessionsTtlMs,
        presenceTtlMs,
        hearsOthers: pubsub.adapter !== "local",
        newEpoch: () => randomBytes(6).toString("base64url"),
        clock,
      });
    case "redis":
    case "nats":
      throw notWired(`broker=${broker.adapter}`, `the ${broker.adapter} broker`);
  }
}

function notWired(option: string, part: string): CableError {
  return new CableError("config.not_built", `${option} asks for ${part}: this version does not have that; remove it to start`);
}
