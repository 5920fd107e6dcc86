import type { Config } from "./config.ts";
import type { DeriveOptions } from "./derive.ts";
import type { Settings } from "./layers.ts";

/** What is kept, and where. */
export function deriveBroker(settings: Settings): Config["broker"] {
  const adapter = settings.text("broker");
  const general = kept(settings.number("history_limit"), settings.number("history_ttl"));
  return {
    adapter: adapter === "" ? "none" : (adapter as Config["broker"]["adapter"]),
    ...general,
    sessionsTtlMs: settings.number("sessions_ttl") * 1000,
    presenceTtlMs: settings.number("presence_ttl") * 1000,
    streams: settings.rows("broker.streams").map(({ pattern, history_limit, history_ttl, presence }) => ({
      pattern: String(pattern),
      ...kept(Number(history_limit ?? settings.number("history_limit")), Number(history_ttl ?? settings.number("history_ttl"))),
      presence: presence !== false,
    })),
  };
}

/** Nothing can be kept for no time. */
function kept(historyLimit: number, historyTtlSeconds: number): { readonly historyLimit: number; readonly historyTtlMs: number } {
  if (historyLimit === 0 || historyTtlSeconds === 0) return { historyLimit: 0, historyTtlMs: 0 };
  return { historyLimit, historyTtlMs: historyTtlSeconds * 1000 };
}

/** How nodes reach each other. */
export function derivePubsub({ settings, warn }: DeriveOptions): Config["pubsub"] {
  const adapters = settings.list("broadcast_adapter");
  const apart = (option: string, broadcaster: string, broadcasts: string, prefix: string): string => {
    const channel = settings.text(option);
    if (!adapters.includes(broadcaster) || prefix + channel !== settings.text(broadcasts)) return channel;
    warn(`${option} and ${broadcasts} are both ${channel}: what nodes tell each other goes to ${channel}-int instead`);
    return `${channel}-int`;
  };
  return {
    adapter: pubsubAdapter(settings),
    redisChannel: apart("redis_pubsub.channel", "redis", "redis_channel", settings.text("redis_prefix")),
    redisSharded: settings.flag("redis_sharded_pubsub"),
    natsChannel: apart("nats_pubsub.channel", "nats", "nats_channel", settings.text("nats_prefix")),
  };
}

/**
 * AnyCable chooses Redis by itself for another redis_url than the default, redisx, and the redis broker. NATS it leaves to presets; here a part
 * that needs it says enough. The nats broker needs no Redis beside it: hosts set REDIS_URL for everybody.
 */
export function pubsubAdapter(settings: Settings): Config["pubsub"]["adapter"] {
  const asked = settings.text("pubsub");
  if (asked === "redis" || asked === "nats") return asked;
  if (asked === "none") return "local";
  const adapters = settings.list("broadcast_adapter");
  const broker = settings.text("broker");
  if (broker === "nats") return "nats";
  if (hasRedis(settings) || adapters.includes("redisx") || broker === "redis") return "redis";
  return settings.flag("embed_nats") || adapters.includes("nats") ? "nats" : "local";
}

/** Somebody says where Redis is. */
export function hasRedis(settings: Settings): boolean {
  return settings.isChanged("redis_url") || settings.isChanged("redis_sentinels");
}
