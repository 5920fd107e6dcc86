import { CableError } from "../../errors.ts";
import type { RedisStore } from "../../redis/store.ts";
import type { PresenceInfo, PresenceMember, PresenceStore } from "../broker.ts";
import { exactKey, presenceKeys, textOfKey, type BrokerKeys } from "./keys.ts";
import { joinScript, keepScript, leaveScript } from "./presence-scripts.ts";
import { brokerUnavailable } from "./unavailable.ts";

export interface RedisPresenceOptions {
  readonly store: RedisStore;
  readonly keys: BrokerKeys;
  readonly ttlMs: number;
}

const mostAtOnce = 500;

/** Presence in Redis, without what only the latest versions have: sessions have their deadlines in a sorted set. */
export class RedisPresence implements PresenceStore {
  readonly ttlMs: number;
  readonly #options: RedisPresenceOptions;
  /** How long what is in Redis outlives the last node, ms. */
  readonly #endMs: string;

  constructor(options: RedisPresenceOptions) {
    this.#options = options;
    this.ttlMs = options.ttlMs;
    this.#endMs = String(Math.max(10 * options.ttlMs, 3_600_000));
  }

  async join(member: PresenceMember): Promise<boolean> {
    const joined = await this.#ask(() => this.#join(member));
    if (joined !== -1) return joined === 1;
    throw new CableError("command.presence_mismatch", `The session ${member.sid} is present in this stream under another id; leave first.`);
  }

  async leave(stream: string, sid: string): Promise<string | undefined> {
    const id = await this.#ask(() => this.#options.store.run(leaveScript, this.#keys(stream), [exactKey(sid), exactKey(stream)]));
    return typeof id === "string" ? textOfKey(id) : undefined;
  }

  async keep(members: readonly PresenceMember[]): Promise<void> {
    const streams = new Map<string, PresenceMember[]>();
    for (const member of members) {
      const some = streams.get(member.stream);
      if (some === undefined) streams.set(member.stream, [member]);
      else some.push(member);
    }
    await this.#ask(() => Promise.all([...streams].map(([stream, some]) => this.#keep(stream, some))));
  }

  async info(stream: string, withRecords: boolean): Promise<PresenceInfo> {
    const { store, keys } = this.#options;
    const [, , ids] = this.#keys(stream);
    const { slot } = keys.groupOf(stream);
    if (!withRecords) return { total: Number(await this.#ask(() => store.send(slot, ["HLEN", ids]))) };
    const reply = await this.#ask(() => store.send(slot, ["HGETALL", ids]));
    const records = readRecords(reply as readonly string[]);
    return { total: records.length, records };
  }

  #keys(stream: string): ReturnType<typeof presenceKeys> {
    return presenceKeys(this.#options.keys.groupOf(stream), stream);
  }

  #join({ stream, sid, id, info }: PresenceMember): Promise<unknown> {
    const args = [exactKey(sid), exactKey(id), info, String(this.ttlMs), this.#endMs, exactKey(stream)];
    return this.#options.store.run(joinScript, this.#keys(stream), args);
  }

  async #keep(stream: string, members: readonly PresenceMember[]): Promise<void> {
    for (let at = 0; at < members.length; at += mostAtOnce) {
      const some = members.slice(at, at + mostAtOnce);
      const args = [String(this.ttlMs), this.#endMs, exactKey(stream), ...some.map(({ sid }) => exactKey(sid))];
      const missing = (await this.#options.store.run(keepScript, this.#keys(stream), args)) as readonly number[];
      await Promise.all(missing.map((place) => this.#join(some[place - 1]!)));
    }
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw brokerUnavailable("presence", error);
    }
  }
}

/** Of `id`, `joined count info`, …: in the order in which they joined. */
function readRecords(fields: readonly string[]): readonly { readonly id: string; readonly info: string }[] {
  const records: { readonly id: string; readonly info: string; readonly joined: number }[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, joined, info] = /^(\d+) \d+ (.*)$/s.exec(fields[at + 1]!) ?? [];
    if (info !== undefined) records.push({ id: textOfKey(fields[at]!), info, joined: Number(joined) });
  }
  return records.sort((one, other) => one.joined - other.joined).map(({ id, info }) => ({ id, info }));
}
