import type { Config } from "./config.ts";

/** Whether any part connects to Redis. */
export function usesRedis({ broadcast: { adapters }, broker, pubsub }: Config): boolean {
  return broker.adapter === "redis" || pubsub.adapter === "redis" || adapters.includes("redis") || adapters.includes("redisx");
}

/** Whether any part connects to NATS. */
export function usesNats({ broadcast: { adapters }, broker, pubsub }: Config): boolean {
  return broker.adapter === "nats" || pubsub.adapter === "nats" || adapters.includes("nats");
}
