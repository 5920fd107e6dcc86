import { randomBytes } from "node:crypto";
import type { Broker } from "../broker/broker.ts";
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

export async function pubsubOf(config: Config, { logger, clock, metrics }: Outside & { readonly metrics: Metrics }): Promise<Pubsub> {
  const { pubsub, redis, nats } = config;
  switch (pubsub.adapter) {
    case "local":
      return localPubsub();
    case "redis": {
      const { redisPubsub } = await import("../pubsub/redis.ts");
      return redisPubsub({ redis, channels: redisChannels(config), clock, logger, metrics });
    }
    case "nats": {
      const { natsPubsub } = await import("../pubsub/nats.ts");
      const reserved = config.broadcast.adapters.includes("nats") ? [config.broadcast.natsChannel] : [];
      const subjects = { prefix: nats.prefix, internal: pubsub.natsChannel, reserved };
      return natsPubsub({ nats, subjects, clock, logger, metrics });
    }
  }
}

export async function brokerOf(
  config: Config,
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
      // On the same Redis what stores a publication passes it on as well, so that nobody hears them in another order.
      const announce = pubsub.adapter === "redis" ? await redisAnnouncement(config) : undefined;
      return redisBroker({ redis, prefix: redis.prefix, ...kept, announce, clock, logger });
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

async function redisAnnouncement(config: Config): Promise<{ readonly channelOf: (stream: string) => string }> {
  const { channelNames } = await import("../redis/channel-names.ts");
  return channelNames(redisChannels(config));
}
