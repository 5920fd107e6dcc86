import type { Clock, Timer } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { RedisStore } from "../../redis/store.ts";
import { presenceKeys, textOfKey, type BrokerKeys, type StreamGroup } from "./keys.ts";
import { dueScript, expireScript } from "./presence-scripts.ts";

export interface PresenceSweepOptions {
  readonly store: RedisStore;
  readonly keys: BrokerKeys;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
}

const mostStreams = 100;
const mostSessions = 200;

/**
 * Takes out sessions whose time is up, of this node and of others, which may be dead. All nodes look; the one whose script takes out an id's
 * last session tells. When its connection breaks just then, or the node dies, nobody tells.
 */
export class PresenceSweep {
  readonly #options: PresenceSweepOptions;
  readonly #intervalMs: number;
  #expired: ((stream: string, id: string) => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: PresenceSweepOptions) {
    this.#options = options;
    this.#intervalMs = Math.min(1_000, options.ttlMs / 4);
  }

  start(expired: (stream: string, id: string) => void): void {
    this.#expired = expired;
    this.#later();
  }

  stop(): void {
    this.#expired = undefined;
    this.#timer?.cancel();
  }

  // Nodes that began together need not look together.
  #later(): void {
    const { clock, random } = this.#options;
    this.#timer = clock.after(this.#intervalMs * (0.75 + random() / 2), () => {
      void this.#look().finally(() => {
        if (this.#expired !== undefined) this.#later();
      });
    });
  }

  async #look(): Promise<void> {
    const { keys, logger } = this.#options;
    const looks = await Promise.allSettled(keys.groups.map((group) => this.#lookAt(group)));
    const failed = looks.find((look) => look.status === "rejected");
    if (failed !== undefined) logger.debug("Presence could not be looked after", { error: messageOf(failed.reason) });
  }

  async #lookAt(group: StreamGroup): Promise<void> {
    const { store } = this.#options;
    const due = (await store.run(dueScript, [group.presentKey], [String(mostStreams)])) as readonly string[];
    for (const name of due) await this.#expire(group, name);
  }

  async #expire(group: StreamGroup, name: string): Promise<void> {
    const stream = textOfKey(name);
    for (let isMore = true; isMore;) {
      const reply = await this.#options.store.run(expireScript, presenceKeys(group, stream), [name, String(mostSessions)]);
      const [count, ...ids] = reply as readonly [number, ...string[]];
      for (const id of ids) this.#expired?.(stream, textOfKey(id));
      isMore = count === mostSessions;
    }
  }
}
