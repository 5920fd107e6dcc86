import { hashSlot } from "../../redis/hash-slot.ts";
import { streamGroupOf, streamTags } from "../../redis/stream-tags.ts";

/** A group of streams: what is about all of them is one key, which may be looked at now and then. */
export interface StreamGroup {
  /** Its place among `BrokerKeys.groups`. */
  readonly index: number;
  /** Where a cluster has its keys. */
  readonly slot: number;
  /** Hash: since when what is published in these streams is remembered. */
  readonly birthKey: string;
  /** Sorted set: the streams in which somebody is present, and when to look after them. */
  readonly presentKey: string;
  /** What the keys of its streams begin with. */
  readonly prefix: string;
}

/**
 * What everything in Redis is called: `ropeway:{tag}:kind:stream`. All keys of a stream and of its group have the group's hash tag, so that
 * scripts may use them together in a cluster; groups lie evenly over its slots.
 */
export class BrokerKeys {
  readonly groups: readonly StreamGroup[];
  readonly #prefix: string;

  /** @param prefix Stands before all keys. */
  constructor(prefix: string) {
    this.#prefix = `${prefix}ropeway:`;
    this.groups = streamTags.map((tag, index) => {
      const ofGroup = `${this.#prefix}{${tag}}:`;
      return { index, slot: hashSlot(ofGroup), birthKey: `${ofGroup}birth`, presentKey: `${ofGroup}present`, prefix: ofGroup };
    });
  }

  groupOf(stream: string): StreamGroup {
    return this.groups[streamGroupOf(stream)]!;
  }

  session(sid: string): string {
    return `${this.#prefix}session:${exactKey(sid)}`;
  }
}

/** Hash and list: a stream's epoch and how far it is, and its publications. */
export function historyKeys(group: StreamGroup, stream: string): readonly [head: string, publications: string, birth: string] {
  const name = exactKey(stream);
  return [`${group.prefix}h:${name}`, `${group.prefix}p:${name}`, group.birthKey];
}

/** Until when sessions are present (sorted set), as whom (hash), who that is (hash), and the group's streams in which somebody is. */
export function presenceKeys(
  group: StreamGroup,
  stream: string,
): readonly [deadlines: string, sessions: string, ids: string, present: string] {
  const name = exactKey(stream);
  return [`${group.prefix}d:${name}`, `${group.prefix}s:${name}`, `${group.prefix}i:${name}`, group.presentKey];
}

/** Different for different texts, also for those that UTF-8 can't say: JSON may bring lone surrogates. */
export function exactKey(text: string): string {
  return text.startsWith("\0") || /\p{Surrogate}/u.test(text) ? `\0${JSON.stringify(text)}` : text;
}

/** What `exactKey` was given. */
export function textOfKey(key: string): string {
  return key.startsWith("\0") ? String(JSON.parse(key.slice(1))) : key;
}
