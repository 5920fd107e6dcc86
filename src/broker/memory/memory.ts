import type { Clock } from "../../clock.ts";
import type { Broker } from "../broker.ts";
import { MemoryHistory } from "./history.ts";
import { MemoryPresence } from "./presence.ts";
import { MemorySessions } from "./sessions.ts";
import type { StreamSettings } from "./stream-log.ts";

export interface MemoryBrokerOptions {
  /** What is kept of a stream. */
  readonly settingsFor: (stream: string) => StreamSettings;
  /** Longest time for which anything is kept of any stream, ms. */
  readonly longestTtlMs: number;
  /** How long a session that dropped can be restored, ms; 0 = not at all. AnyCable's default is 300,000. */
  readonly sessionsTtlMs: number;
  /** How long somebody who shows no sign of life stays present, ms; 0 = no presence. AnyCable's default is 15,000. */
  readonly presenceTtlMs: number;
  /** Whether other nodes publish too: then each node keeps for itself what it hears, and only while somebody listens. */
  readonly hearsOthers: boolean;
  /** Makes the epoch of a stream; never the same twice. */
  readonly newEpoch: () => string;
  readonly clock: Clock;
}

/** Keeps everything in this process: for one node, or for clients that always come back to the same one. A restart forgets it all. */
export function memoryBroker(options: MemoryBrokerOptions): Broker {
  const { sessionsTtlMs, presenceTtlMs, clock } = options;
  const history = new MemoryHistory(options);
  const sessions = sessionsTtlMs > 0 ? new MemorySessions(sessionsTtlMs, clock) : undefined;
  const presence = presenceTtlMs > 0 ? new MemoryPresence({ ttlMs: presenceTtlMs, clock }) : undefined;
  return {
    name: "memory",
    history,
    sessions,
    presence,
    async start(listener) {
      history.start();
      presence?.start((stream, id) => listener.expired(stream, id));
    },
    async stop() {
      history.stop();
      sessions?.stop();
      presence?.stop();
    },
  };
}
