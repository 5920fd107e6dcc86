import { randomBytes } from "node:crypto";
import type { Broker } from "../broker/broker.ts";
import { keeping, type KeepingOptions } from "../broker/keeping.ts";
import { memoryBroker as broker } from "../broker/memory/memory.ts";
import { systemClock } from "../clock.ts";

export type { StreamKeeping } from "../broker/keeping.ts";

/** All have defaults. */
export interface MemoryBrokerOptions extends KeepingOptions {
  /**
   * True for a server that has a `pubsub`: what others publish arrives only while somebody here listens, so the broker keeps and promises
   * less. Default false: this server is alone.
   */
  readonly hearsOthers?: boolean;
}

/**
 * Keeps history, sessions and presence in this process: for one server, or for clients that always come back to the same one. A restart
 * forgets it all. Give it to one server alone.
 * @throws {CableError} `config.invalid_value`
 */
export function memoryBroker({ hearsOthers = false, ...options }: MemoryBrokerOptions = {}): Broker {
  const newEpoch = (): string => randomBytes(6).toString("base64url");
  return broker({ ...keeping(options), hearsOthers, newEpoch, clock: systemClock() });
}
