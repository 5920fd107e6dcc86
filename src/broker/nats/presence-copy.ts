import { DeliverPolicy } from "@nats-io/jetstream";
import type { Clock } from "../../clock.ts";
import type { Bucket } from "./bucket.ts";
import { consume, type ConsumedMessage, type StartedConsumer } from "./consume.ts";
import type { JetStream } from "./jetstream.ts";
import { decodeRecord, type KeptRecord, type PresenceRecord } from "./presence-record.ts";

export interface PresenceCopyOptions {
  readonly bucket: Bucket;
  readonly clock: Clock;
  /** A node shows a sign of life. */
  readonly alive: (node: string, revision: number) => void;
  /** The session is another node's now. */
  readonly moved: (key: string, sid: string, node: string) => void;
  /** It does not hear any more what changes: with this connection it is over. */
  readonly interrupted: (js: JetStream, why: Error) => void;
}

const memberKey = "member.";
const nodeKey = "node.";
const mostSilentMs = 15_000;

/** Where a record stands in the bucket. */
export function keyOfMember(streamWord: string, idWord: string): string {
  return `${memberKey}${streamWord}.${idWord}`;
}

export function keyOfNode(node: string): string {
  return nodeKey + node;
}

/** Resolves those who wait for it. */
interface Wait {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Who is present, everywhere, as the bucket has it: so that counting costs nothing, and it is known who has to leave when a node dies. It
 * follows what changes, and can wait until it has all of it up to now.
 */
export class PresenceCopy {
  readonly #options: PresenceCopyOptions;
  /** By the words of stream, then by key. */
  readonly #streams = new Map<string, Map<string, KeptRecord>>();
  /** Deleted by us, and not heard of yet: older news don't bring them back. */
  readonly #deleted = new Map<string, number>();
  /** How many sessions each node has. */
  readonly #sessions = new Map<string, number>();
  #consumer: StartedConsumer | undefined;
  #sequence = 0;
  #waits: Wait[] = [];
  #next: Promise<void> | undefined;

  constructor(options: PresenceCopyOptions) {
    this.#options = options;
  }

  /** Nodes that have sessions, by how many. */
  get nodes(): ReadonlyMap<string, number> {
    return this.#sessions;
  }

  get(key: string): KeptRecord | undefined {
    return this.#streams.get(streamOf(key))?.get(key);
  }

  in(streamWord: string): Iterable<[string, KeptRecord]> {
    return this.#streams.get(streamWord) ?? [];
  }

  /** Where this node has sessions. */
  keysOf(node: string): readonly string[] {
    const records = [...this.#streams.values()].flatMap((each) => [...each]);
    return records.filter(([, { nodes }]) => [...nodes.values()].includes(node)).map(([key]) => key);
  }

  /** Takes a new connection into use. Resolves when everything is here. */
  async adopt(js: JetStream): Promise<void> {
    const { bucket, clock, interrupted } = this.#options;
    this.drop(new Error("the connection was lost"));
    const last = await this.#lastSequence(js);
    await new Promise<void>((resolve, reject) => {
      let isLoaded = false;
      const listener = {
        received: (message: ConsumedMessage): void => {
          this.#received(message);
          if (!isLoaded && (message.sequence >= last || message.pending === 0)) loaded();
        },
        idle: () => {
          if (!isLoaded) loaded();
        },
        ended: (why: Error): void => {
          reject(why);
          if (isLoaded) interrupted(js, why);
        },
      };
      const loaded = (): void => {
        isLoaded = true;
        resolve();
      };
      const config = { deliver_policy: DeliverPolicy.All };
      consume(js, { stream: bucket.stream, config, mostSilentMs, clock }, listener).then((consumer) => {
        this.#consumer = consumer;
        if (consumer.pending === 0) loaded();
      }, reject);
    });
  }

  /** Forgets everything. */
  drop(why: Error): void {
    this.#consumer?.stop();
    this.#consumer = undefined;
    this.#streams.clear();
    this.#deleted.clear();
    this.#sessions.clear();
    this.#sequence = 0;
    for (const { reject } of this.#waits.splice(0)) reject(why);
  }

  /** Resolves when everything is here that was stored before the call. Those who ask in one turn share the answer. */
  caughtUp(js: JetStream): Promise<void> {
    this.#next ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#next = undefined;
        this.#catchUp(js).then(resolve, reject);
      });
    });
    return this.#next;
  }

  /** We have written this, so it need not be waited for. */
  written(key: string, record: KeptRecord): void {
    this.#set(key, record);
  }

  deleted(key: string, revision: number): void {
    this.#remove(key);
    if (revision > this.#sequence) this.#deleted.set(key, revision);
  }

  async #lastSequence(js: JetStream): Promise<number> {
    const info = await js.look(this.#options.bucket.stream);
    if (info === undefined) throw new Error("the bucket is gone");
    return info.state.last_seq;
  }

  async #catchUp(js: JetStream): Promise<void> {
    const { clock, interrupted } = this.#options;
    const last = await this.#lastSequence(js);
    const before = this.#sequence;
    if (before >= last) return;
    await new Promise<void>((resolve, reject) => {
      const timer = clock.after(js.timeoutMs, () => {
        const why = new Error("it did not bring the news in time");
        reject(why);
        // Whatever brought them is gone, with the server that it was on: that need not be waited for.
        if (this.#sequence === before) interrupted(js, why);
      });
      const ended = (): void => {
        timer.cancel();
        resolve();
      };
      this.#waits.push({ sequence: last, resolve: ended, reject });
    });
  }

  #received({ subject, sequence, atMs, message }: ConsumedMessage): void {
    const key = this.#options.bucket.keyOf(subject);
    const isDeletion = message.headers?.has("KV-Operation") === true;
    if (key.startsWith(memberKey)) {
      const record = isDeletion ? undefined : decodeRecord(message.string());
      if (record !== undefined) this.#set(key, { ...record, revision: sequence, atMs });
      else if ((this.get(key)?.revision ?? 0) < sequence) this.#remove(key);
      if ((this.#deleted.get(key) ?? Infinity) <= sequence) this.#deleted.delete(key);
    } else if (key.startsWith(nodeKey) && !isDeletion) this.#options.alive(key.slice(nodeKey.length), sequence);
    this.#sequence = sequence;
    this.#settle();
  }

  #settle(): void {
    if (this.#waits.length === 0) return;
    const due = this.#waits.filter(({ sequence }) => sequence <= this.#sequence);
    if (due.length === 0) return;
    this.#waits = this.#waits.filter(({ sequence }) => sequence > this.#sequence);
    for (const { resolve } of due) resolve();
  }

  #set(key: string, record: KeptRecord): void {
    const before = this.get(key);
    if (record.revision <= Math.max(before?.revision ?? 0, this.#deleted.get(key) ?? 0)) return;
    this.#count(before, -1);
    const word = streamOf(key);
    let records = this.#streams.get(word);
    if (records === undefined) this.#streams.set(word, (records = new Map()));
    records.set(key, record);
    this.#count(record, 1);
    for (const [sid, node] of record.nodes) if (before?.nodes.get(sid) !== node) this.#options.moved(key, sid, node);
  }

  #remove(key: string): void {
    const word = streamOf(key);
    const records = this.#streams.get(word);
    this.#count(records?.get(key), -1);
    records?.delete(key);
    if (records?.size === 0) this.#streams.delete(word);
  }

  #count(record: PresenceRecord | undefined, by: 1 | -1): void {
    for (const node of record?.nodes.values() ?? []) {
      const count = (this.#sessions.get(node) ?? 0) + by;
      if (count === 0) this.#sessions.delete(node);
      else this.#sessions.set(node, count);
    }
  }
}

function streamOf(key: string): string {
  return key.split(".", 2)[1]!;
}
