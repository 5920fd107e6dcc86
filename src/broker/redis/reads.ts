import type { Clock } from "../../clock.ts";
import type { RedisStore } from "../../redis/store.ts";
import { DecodedPublications } from "./decoded.ts";
import { readScript } from "./history-scripts.ts";
import { historyKeys, type BrokerKeys } from "./keys.ts";
import { Reading } from "./reading.ts";

export interface HistoryReadsOptions {
  readonly store: RedisStore;
  readonly keys: BrokerKeys;
  readonly ttlMsOf: (stream: string) => number;
  readonly clock: Clock;
}

/** What somebody wants besides the head. Neither: nothing. */
export interface Wanted {
  readonly afterOffset?: number;
  readonly sinceMs?: number;
}

interface Batch {
  afterOffset: number | undefined;
  sinceMs: number | undefined;
  readonly asks: { readonly resolve: (reading: Reading) => void; readonly reject: (error: unknown) => void }[];
}

/**
 * Reads streams, each once for all who ask in the same turn, and while a reading is on its way the next one waits for it: when thousands come
 * back at once they share a few. A reading that was sent before somebody asked is never shared: what is published in between would be in
 * neither its answer nor what that client hears live.
 */
export class HistoryReads {
  readonly #options: HistoryReadsOptions;
  readonly #batches = new Map<string, Batch>();
  readonly #reading = new Set<string>();
  readonly #decoded: DecodedPublications;
  #isDue = false;

  constructor(options: HistoryReadsOptions) {
    this.#options = options;
    this.#decoded = new DecodedPublications(options.clock);
  }

  /** Rejects with what Redis, or the lack of it, has to say. */
  read(stream: string, { afterOffset, sinceMs }: Wanted): Promise<Reading> {
    return new Promise((resolve, reject) => {
      const batch = this.#batches.get(stream) ?? this.#newBatch(stream);
      batch.afterOffset = least(batch.afterOffset, afterOffset);
      batch.sinceMs = least(batch.sinceMs, sinceMs);
      batch.asks.push({ resolve, reject });
    });
  }

  #newBatch(stream: string): Batch {
    const batch: Batch = { afterOffset: undefined, sinceMs: undefined, asks: [] };
    this.#batches.set(stream, batch);
    if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(() => {
        this.#isDue = false;
        for (const each of this.#batches.keys()) this.#next(each);
      });
    }
    return batch;
  }

  #next(stream: string): void {
    const batch = this.#batches.get(stream);
    if (batch === undefined || this.#reading.has(stream)) return;
    this.#batches.delete(stream);
    this.#reading.add(stream);
    void this.#carryOut(stream, batch).finally(() => {
      this.#reading.delete(stream);
      this.#next(stream);
    });
  }

  async #carryOut(stream: string, { afterOffset, sinceMs, asks }: Batch): Promise<void> {
    const { store, keys, clock, ttlMsOf } = this.#options;
    const args = [String(ttlMsOf(stream)), String(afterOffset ?? ""), String(sinceMs ?? "")];
    try {
      const reply = await store.run(readScript, historyKeys(keys.groupOf(stream), stream), args);
      const reading = new Reading(stream, reply, clock.monotonicMs(), this.#decoded);
      for (const { resolve } of asks) resolve(reading);
    } catch (error) {
      for (const { reject } of asks) reject(error);
    }
  }
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined ? other : other === undefined ? one : Math.min(one, other);
}
