import type { Variant } from "../bench.ts";

/** Ropeway that keeps nothing: what keeping is measured by. */
export const noBroker: Variant = { name: "no broker" };
export const memoryBroker: Variant = { name: "memory", flags: () => ["--broker=memory"] };
export const redisBroker: Variant = {
  name: "redis",
  store: "redis",
  flags: ({ storePort }) => ["--broker=redis", "--pubsub=redis", `--redis_url=redis://127.0.0.1:${storePort}`],
};
export const natsBroker: Variant = {
  name: "nats",
  store: "nats",
  flags: ({ storePort }) => ["--broker=nats", "--pubsub=nats", `--nats_servers=nats://127.0.0.1:${storePort}`],
};
