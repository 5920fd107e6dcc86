import { randomBytes } from "node:crypto";
import type { Broker } from "../broker/broker.ts";
import type { RedisAnnouncement } from "../broker/redis/history.ts";
import { keeping } from "../broker/keeping.ts";
import { memoryBroker } from "../broker/memory/memory.ts";
import type { Config } from "../config/config.ts";
import { matches } from "../internal/wildcard.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { localPubsub } from "../pubsub/local.ts";
import type { EmbeddedNats } from "../nats/embedded/embedded-nats.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import type { ChannelNamesOptions } from "../redis/channel-names.ts";
import type { Outside } from "./assemble.ts";

type BrokerConfig = Config["broker"];

/** Whether anybody may be present in a stream; undefined: in all. */
export function presenceRule({ streams }: BrokerConfig): ((stream: string) => boolean) | undefined {
  if (streams.every(({ presence }) => presence)) return undefined;
  return (stream) => streams.find(({ pattern }) => matches(pattern, stream))?.presence ?? true;
}

/** What channels between nodes are called in Redis. */
function redisChannels({ pubsub, redis, broadcast }: Config): ChannelNamesOptions {
  return {
    prefix: redis.prefix,
    internal: pubsub.redisChannel,
    reserved: broadcast.adapters.includes("redis") ? [broadcast.redisChannel] : [],
  };
}

/** How nodes hear each other. */
export interface Between {
  readonly pubsub: Pubsub;
  /** How a broker on the same Redis passes on what it stores, so that nobody hears publications in another order. */
  readonly announcement?: RedisAnnouncement;
}

export async function betweenNodes(config: Config, { logger, clock, metrics }: Outside & { readonly metrics: Metrics }): Promise<Between> {
  const { pubsub, redis, nats } = config;
  switch (pubsub.adapter) {
    case "local":
      return { pubsub: localPubsub() };
    case "redis": {
      const { redisPubsub } = await import("../pubsub/redis.ts");
      const sharded = pubsub.redisSharded && "auto";
      const made = redisPubsub({ redis, channels: redisChannels(config), sharded, clock, logger, metrics });
      return { pubsub: made, announcement: made.announcement };
    }
    case "nats": {
      const { natsPubsub } = await import("../pubsub/nats.ts");
      const reserved = config.broadcast.adapters.includes("nats") ? [config.broadcast.natsChannel] : [];
      const subjects = { prefix: nats.prefix, internal: pubsub.natsChannel, reserved };
      return { pubsub: natsPubsub({ nats, subjects, clock, logger, metrics }) };
    }
  }
}

export async function brokerOf(
  config: Config,
  { announcement }: Between,
  { clock, logger, metrics }: Outside & { readonly metrics: Metrics },
): Promise<Broker | undefined> {
  const { broker, pubsub, redis, nats } = config;
  const { longestTtlMs, ...kept } = keeping(broker);
  switch (broker.adapter) {
    case "none":
      return undefined;
    case "memory":
      return memoryBroker({
        ...kept,
        longestTtlMs,
        hearsOthers: pubsub.adapter !== "local",
        newEpoch: () => randomBytes(6).toString("base64url"),
        clock,
      });
    case "redis": {
      const { redisBroker } = await import("../broker/redis/redis.ts");
      return redisBroker({ redis, prefix: redis.prefix, ...kept, announce: announcement, clock, logger });
    }
    case "nats": {
      const { natsBroker } = await import("../broker/nats/nats.ts");
      const { prefix, replicas } = nats;
      return natsBroker({ nats, prefix, replicas, ...kept, clock, logger, metrics });
    }
  }
}

/** The nats-server that lives with us, if there is to be one. */
export async function embeddedNatsOf({ embeddedNats: options }: Config, { clock, logger }: Outside): Promise<EmbeddedNats | undefined> {
  if (options === undefined) return undefined;
  const { embeddedNats } = await import("../nats/embedded/embedded-nats.ts");
  return embeddedNats({ nats: options, clock, logger });
}
