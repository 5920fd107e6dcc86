import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { Bucket } from "./bucket.ts";
import { WrongRevision, type JetStream, type StoredMessage } from "./jetstream.ts";

/** How much of a stream is kept. */
export interface StreamSettings {
  /** Publications; 0 = none, and the stream has no positions. */
  readonly limit: number;
  /** Milliseconds for which a publication is kept. */
  readonly ttlMs: number;
}

/** What is known of a stream whose publications are kept. */
export interface DirectoryEntry extends StreamSettings {
  /** undefined: none has begun. */
  readonly epoch: string | undefined;
  /** The JetStream stream of this epoch was there once: if it isn't, it is lost. */
  readonly isMade: boolean;
  /** Something published before may have been lost, Unix ms; 0 = no. */
  readonly lostMs: number;
  readonly revision: number;
}

/** An entry of a stream that has an epoch. */
export type BegunEntry = DirectoryEntry & { readonly epoch: string };

const storeKey = "store";

/**
 * Which epoch each stream has. It stands in a bucket, since that lets one node of several decide: nodes that create a JetStream stream at the
 * same time with different settings, as two epochs are, leave a cluster of NATS 2.9 with a stream of that name that can neither be used nor
 * looked at. It also tells a stream that never was from one that is lost.
 */
export class Directory {
  readonly #bucket: Bucket;
  readonly #clock: Clock;
  #storeId = "";
  #beganMs = 0;

  constructor(bucket: Bucket, clock: Clock) {
    this.#bucket = bucket;
    this.#clock = clock;
  }

  /** Of the store as a whole: when it began, Unix ms. What was before is lost. */
  get beganMs(): number {
    return this.#beganMs;
  }

  get storeId(): string {
    return this.#storeId;
  }

  /** Finds out which store this is; founds one where there is none. */
  async open(js: JetStream): Promise<void> {
    await this.#bucket.prepare(js);
    for (;;) {
      const there = await this.#bucket.get(js, storeKey);
      const { id, began } = fieldsOf(there);
      if (typeof id === "string" && typeof began === "number") {
        this.#storeId = id;
        this.#beganMs = began;
        return;
      }
      await this.#found(js, there?.revision ?? 0);
    }
  }

  /** All epochs end: something that was acknowledged is not there any more. */
  async beginAnew(js: JetStream): Promise<void> {
    const there = await this.#bucket.get(js, storeKey);
    // Another node may have noticed the same.
    if (there !== undefined && fieldsOf(there)["id"] === this.#storeId) await this.#found(js, there.revision);
    await this.open(js);
  }

  async #found(js: JetStream, expected: number): Promise<void> {
    try {
      await this.#bucket.put(js, storeKey, JSON.stringify({ id: newId(), began: Math.ceil(this.#clock.nowMs()) }), expected);
    } catch (error) {
      if (!(error instanceof WrongRevision)) throw error;
    }
  }

  /** undefined: nothing was ever kept of the stream, or nothing for so long that it is forgotten. What is of an earlier store has no epoch. */
  async find(js: JetStream, word: string): Promise<DirectoryEntry | undefined> {
    const stored = await this.#bucket.get(js, keyOf(word));
    if (stored === undefined) return undefined;
    const { s, e, m, l, t, b } = fieldsOf(stored);
    const isOfStore = s === this.#storeId;
    return {
      epoch: isOfStore && typeof e === "string" ? e : undefined,
      isMade: isOfStore && m === 1,
      limit: Number(l),
      ttlMs: Number(t),
      lostMs: isOfStore ? Number(b ?? 0) : 0,
      revision: stored.revision,
    };
  }

  /** The same, and begins an epoch where there is none. `isNew`: it is for the caller to make the JetStream stream. */
  async claim(js: JetStream, word: string, settings: StreamSettings): Promise<{ readonly entry: BegunEntry; readonly isNew: boolean }> {
    for (;;) {
      const there = await this.find(js, word);
      if (there !== undefined && hasEpoch(there)) return { entry: there, isNew: false };
      const entry = { ...settings, epoch: newId(), isMade: false, lostMs: there?.lostMs ?? 0 };
      const revision = await this.#write(js, word, entry, there?.revision ?? 0);
      if (revision !== undefined) return { entry: { ...entry, revision }, isNew: true };
    }
  }

  /** The JetStream stream is there now. False: the entry has changed meanwhile. */
  async made(js: JetStream, word: string, entry: DirectoryEntry): Promise<boolean> {
    return (await this.#write(js, word, { ...entry, isMade: true }, entry.revision)) !== undefined;
  }

  /** The JetStream stream is lost: its epoch is over. */
  async lost(js: JetStream, word: string, entry: DirectoryEntry): Promise<void> {
    const { limit, ttlMs, revision } = entry;
    const lostMs = Math.ceil(this.#clock.nowMs());
    await this.#write(js, word, { limit, ttlMs, epoch: undefined, isMade: false, lostMs }, revision);
  }

  /** The entry stays what it is, but whoever wants to remove it as it was can't any more. False: it has changed meanwhile. */
  async keep(js: JetStream, word: string, entry: DirectoryEntry): Promise<boolean> {
    return (await this.#write(js, word, entry, entry.revision)) !== undefined;
  }

  /** Forgets the stream. False: the entry has changed meanwhile. */
  forget(js: JetStream, word: string, entry: DirectoryEntry): Promise<boolean> {
    return this.#bucket.removeIf(js, keyOf(word), entry.revision);
  }

  /** Resolves to the new revision; undefined: somebody else was faster. */
  async #write(js: JetStream, word: string, entry: Omit<DirectoryEntry, "revision">, expected: number): Promise<number | undefined> {
    const { epoch, isMade, limit, ttlMs, lostMs } = entry;
    const stored: StoredEntry = {
      s: this.#storeId,
      ...(epoch !== undefined && { e: epoch }),
      ...(isMade && { m: 1 }),
      l: limit,
      t: ttlMs,
      ...(lostMs > 0 && { b: lostMs }),
    };
    try {
      return await this.#bucket.put(js, keyOf(word), JSON.stringify(stored), expected);
    } catch (error) {
      if (error instanceof WrongRevision) return undefined;
      throw error;
    }
  }
}

/** One for each stream, so short keys. */
interface StoredEntry {
  /** Id of the store: entries of an earlier one are none. */
  readonly s: string;
  readonly e?: string;
  readonly m?: 1;
  readonly l: number;
  readonly t: number;
  readonly b?: number;
}

function hasEpoch<Entry extends DirectoryEntry>(entry: Entry): entry is Entry & BegunEntry {
  return entry.epoch !== undefined;
}

function keyOf(word: string): string {
  return `stream.${word}`;
}

/** None when it is no JSON object. */
function fieldsOf(stored: StoredMessage | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(stored?.text ?? "null");
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** Letters and digits only: it is a word of names and subjects. */
function newId(): string {
  return randomBytes(8).toString("hex");
}
