import type { Clock, Timer } from "../../clock.ts";
import type { RedisStore } from "../../redis/store.ts";
import { historyKeys, type BrokerKeys } from "./keys.ts";

export interface HeadKeeperOptions {
  readonly store: RedisStore;
  readonly keys: BrokerKeys;
  /** How long a stream's head is kept from now on, an hour at least. */
  readonly ttlMsOf: (stream: string) => number;
  readonly clock: Clock;
}

const newIntervalMs = 60_000;
/** A quarter of the shortest time that a head lives. */
const intervalMs = 900_000;
const mostAtOnce = 256;

/** Keeps the heads of streams alive that somebody on this node listens to, however long nothing is published there. */
export class HeadKeeper {
  readonly #options: HeadKeeperOptions;
  readonly #streams = new Set<string>();
  /** Not looked after yet. */
  readonly #new = new Set<string>();
  #timer: Timer | undefined;
  #sinceAllMs = 0;

  constructor(options: HeadKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.after(newIntervalMs, () => void this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#streams.clear();
    this.#new.clear();
  }

  add(stream: string): void {
    this.#streams.add(stream);
    this.#new.add(stream);
  }

  delete(stream: string): void {
    this.#streams.delete(stream);
    this.#new.delete(stream);
  }

  async #tick(): Promise<void> {
    const isAll = (this.#sinceAllMs += newIntervalMs) >= intervalMs;
    if (isAll) this.#sinceAllMs = 0;
    const due = [...(isAll ? this.#streams : this.#new)];
    this.#new.clear();
    for (let at = 0; at < due.length && this.#timer !== undefined; at += mostAtOnce) {
      await Promise.all(due.slice(at, at + mostAtOnce).map((stream) => this.#extend(stream)));
    }
    if (this.#timer !== undefined) this.start();
  }

  async #extend(stream: string): Promise<void> {
    const { store, keys, ttlMsOf } = this.#options;
    const group = keys.groupOf(stream);
    const [head] = historyKeys(group, stream);
    try {
      await store.send(group.slot, ["PEXPIRE", head, String(ttlMsOf(stream))]);
    } catch {
      // There is more than one time before it would end.
      if (this.#streams.has(stream)) this.#new.add(stream);
    }
  }
}
