import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { RemoteState } from "../../lifecycle.ts";
import type { Logger } from "../../logger.ts";
import type { RedisOptions } from "../../redis/open.ts";
import { RedisStore } from "../../redis/store.ts";
import type { Broker, BrokerListener } from "../broker.ts";
import { appendScript, birthScript, readScript } from "./history-scripts.ts";
import { RedisHistory, type RedisAnnouncement, type StreamSettings } from "./history.ts";
import { BrokerKeys } from "./keys.ts";
import { dueScript, expireScript, joinScript, keepScript, leaveScript } from "./presence-scripts.ts";
import { PresenceSweep } from "./presence-sweep.ts";
import { RedisPresence } from "./presence.ts";
import { forgetScript, saveScript, takeScript } from "./session-scripts.ts";
import { RedisSessions } from "./sessions.ts";

export interface RedisBrokerOptions {
  /** Redis 6.2 or newer, or Valkey: one server, sentinels, or a cluster. The database of its URL is used. */
  readonly redis: RedisOptions;
  /** Stands before all keys. Default none. */
  readonly prefix?: string | undefined;
  /** How much of a stream is kept; asked at every publication. */
  readonly settingsFor: (stream: string) => StreamSettings;
  /** Makes `append` pass publications on as well: for whoever has a Redis pubsub, on this same Redis. Default: the caller passes them on. */
  readonly announce?: RedisAnnouncement | undefined;
  /** How long sessions that left can be restored, ms; 0 = never. */
  readonly sessionsTtlMs: number;
  /** How long a session that shows no sign of life stays present, ms; 0 = no presence. */
  readonly presenceTtlMs: number;
  /** Names an epoch, in letters, digits, - and _; MUST NOT give the same name twice, on no node and in no process. Default: random, and counted. */
  readonly newEpoch?: () => string;
  /** How long an answer of Redis is waited for, ms. Default 5,000. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of back-off and sweeps: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see RedisOpening */
  readonly pingIntervalMs?: number;
}

/**
 * History, sessions and presence in Redis, which all nodes share. Keys begin with `ropeway:`.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  return new RedisBroker(options);
}

class RedisBroker implements Broker {
  readonly name = "redis";
  readonly history: RedisHistory;
  readonly sessions: RedisSessions | undefined;
  readonly presence: RedisPresence | undefined;
  readonly #store: RedisStore;
  readonly #sweep: PresenceSweep | undefined;

  constructor({ prefix = "", timeoutMs = 5_000, announce, sessionsTtlMs, presenceTtlMs, ...options }: RedisBrokerOptions) {
    const { random = Math.random, newEpoch = epochNames() } = options;
    const keys = new BrokerKeys(prefix);
    this.#store = new RedisStore({
      ...options,
      isRequired: true,
      timeoutMs,
      scripts: [birthScript, appendScript, readScript, saveScript, takeScript, forgetScript].concat(
        presenceTtlMs > 0 ? [joinScript, leaveScript, keepScript, expireScript, dueScript] : [],
      ),
      prepare: (server) => this.history.prepare(server),
    });
    const shared = { ...options, random, keys, store: this.#store };
    this.history = new RedisHistory({ ...shared, announce, timeoutMs, newEpoch });
    if (sessionsTtlMs > 0) this.sessions = new RedisSessions({ ...shared, ttlMs: sessionsTtlMs });
    if (presenceTtlMs > 0) {
      this.presence = new RedisPresence({ ...shared, ttlMs: presenceTtlMs });
      this.#sweep = new PresenceSweep({ ...shared, ttlMs: presenceTtlMs });
    }
  }

  async start(listener: BrokerListener): Promise<void> {
    this.#store.start();
    this.history.start();
    this.#sweep?.start((stream, id) => listener.expired(stream, id));
  }

  async stop(): Promise<void> {
    this.history.stop();
    this.#sweep?.stop();
    await this.sessions?.stop();
    this.#store.stop();
  }

  state(): RemoteState {
    const { isConnected, sinceMs, problem } = this.#store.state;
    return { isConnected, isRequired: true, sinceMs, target: this.#store.display, problem };
  }
}

/** Short, since every message to a client that has positions carries its epoch. */
function epochNames(): () => string {
  const node = randomBytes(6).toString("base64url");
  let count = 0;
  return () => `${node}${(count++).toString(36)}`;
}
