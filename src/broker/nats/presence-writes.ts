import type { Clock } from "../../clock.ts";
import { CableError } from "../../errors.ts";
import type { PresenceMember } from "../broker.ts";
import type { Bucket } from "./bucket.ts";
import { WrongRevision, type JetStream } from "./jetstream.ts";
import type { PresenceCopy } from "./presence-copy.ts";
import { decodeRecord, encodeRecord, withoutSessions, withSession, type KeptRecord, type PresenceRecord } from "./presence-record.ts";

export interface PresenceWritesOptions {
  readonly bucket: Bucket;
  readonly copy: PresenceCopy;
  /** Unlike that of any other node. */
  readonly mark: string;
  readonly clock: Clock;
}

/** Somebody whose last session is gone. */
export interface Departure {
  readonly stream: string;
  readonly id: string;
}

/** Where a change begins. */
interface Base {
  readonly record: KeptRecord | undefined;
  /** Of the entry, or of the mark of its deletion; 0 = neither is known. */
  readonly revision: number;
  /** Text of the mark. */
  readonly deletion?: string;
}

/** More than so many nodes don't change the same entry at the same time. */
const mostTries = 50;

/** Changes entries, one at a time each, and only from what they are: so that of all nodes just one sees somebody come, and one go. */
export class PresenceWrites {
  readonly #options: PresenceWritesOptions;
  readonly #lanes = new Map<string, Promise<unknown>>();
  /** Deletions that nobody has confirmed, by key, and the marks that they leave. */
  readonly #uncertain = new Map<string, Departure & { readonly deletion: string }>();
  #deletions = 0;

  constructor(options: PresenceWritesOptions) {
    this.#options = options;
  }

  /** Puts a session there. True: the id was not there before. `isNew`: nobody has been told yet that this session is there. */
  add(js: JetStream, key: string, member: PresenceMember, node: string, isNew: boolean): Promise<boolean> {
    return this.#change(js, key, async ({ record, revision }) => {
      const { stream, id, sid, info } = member;
      // The answer to an earlier try may have got lost.
      const isAlone = record !== undefined && record.nodes.size === 1 && record.nodes.has(sid);
      const next =
        record === undefined ? { stream, id, info, since: undefined, nodes: new Map([[sid, node]]) } : withSession(record, sid, node, info);
      await this.#put(js, key, next, revision);
      return record === undefined || (isNew && isAlone);
    });
  }

  /** Takes sessions away. Resolves to who is gone with the last of them; undefined: nobody. */
  remove(js: JetStream, key: string, isGone: (sid: string, node: string) => boolean): Promise<Departure | undefined> {
    return this.#change(js, key, async ({ record, revision, deletion }) => {
      if (record === undefined) {
        const uncertain = this.#uncertain.get(key);
        this.#uncertain.delete(key);
        return uncertain !== undefined && uncertain.deletion === deletion ? uncertain : undefined;
      }
      const next = withoutSessions(record, isGone);
      if (next.nodes.size === record.nodes.size) return undefined;
      if (next.nodes.size > 0) {
        await this.#put(js, key, next, revision);
        return undefined;
      }
      await this.#delete(js, key, record, revision);
      return { stream: record.stream, id: record.id };
    });
  }

  /** Who is gone by deletions whose answers got lost. */
  async settle(js: JetStream): Promise<readonly Departure[]> {
    const departures: Departure[] = [];
    for (const [key, { stream, id, deletion }] of this.#uncertain) {
      const entry = await this.#options.bucket.get(js, key);
      this.#uncertain.delete(key);
      if (entry?.isDeleted === true && entry.text === deletion) departures.push({ stream, id });
    }
    return departures;
  }

  async #put(js: JetStream, key: string, record: PresenceRecord, expected: number): Promise<void> {
    const { bucket, copy, clock } = this.#options;
    const text = encodeRecord(record);
    const mostBytes = js.client.info?.max_payload ?? Infinity;
    if (Buffer.byteLength(text) > mostBytes) {
      throw new CableError("command.rejected", `The presence info is too large: NATS takes ${mostBytes} bytes at most (its max_payload).`);
    }
    const revision = await bucket.put(js, key, text, expected);
    copy.written(key, { ...record, revision, atMs: clock.nowMs() });
  }

  async #delete(js: JetStream, key: string, { stream, id }: KeptRecord, expected: number): Promise<void> {
    const { bucket, copy, mark } = this.#options;
    const deletion = `${mark} ${++this.#deletions}`;
    this.#uncertain.set(key, { stream, id, deletion });
    try {
      copy.deleted(key, await bucket.delete(js, key, deletion, expected));
      this.#uncertain.delete(key);
    } catch (error) {
      if (error instanceof WrongRevision) this.#uncertain.delete(key);
      throw error;
    }
  }

  /** Tries until nobody else was faster. */
  #change<Result>(js: JetStream, key: string, attempt: (base: Base) => Promise<Result>): Promise<Result> {
    const before = this.#lanes.get(key) ?? Promise.resolve();
    const result = before.then(async () => {
      const known = this.#options.copy.get(key);
      let base: Base = known === undefined ? await this.#fresh(js, key) : { record: known, revision: known.revision };
      for (let tries = 0; tries < mostTries; tries++) {
        try {
          return await attempt(base);
        } catch (error) {
          if (!(error instanceof WrongRevision)) throw error;
        }
        base = await this.#fresh(js, key);
      }
      throw new Error("the entry changes too fast");
    });
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#lanes.set(key, settled);
    void settled.then(() => {
      if (this.#lanes.get(key) === settled) this.#lanes.delete(key);
    });
    return result;
  }

  async #fresh(js: JetStream, key: string): Promise<Base> {
    const entry = await this.#options.bucket.get(js, key);
    if (entry === undefined) return { record: undefined, revision: 0 };
    const { revision, isDeleted, text, atMs } = entry;
    const record = isDeleted ? undefined : decodeRecord(text);
    if (record === undefined) return { record, revision, deletion: text };
    return { record: { ...record, revision, atMs }, revision };
  }
}
