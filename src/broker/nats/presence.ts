import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "../../clock.ts";
import { CableError, messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { PresenceInfo, PresenceMember, PresenceStore } from "../broker.ts";
import type { Bucket } from "./bucket.ts";
import type { JetStream } from "./jetstream.ts";
import type { BrokerNames } from "./names.ts";
import { keyOfMember, PresenceCopy } from "./presence-copy.ts";
import { NodeLeases } from "./presence-leases.ts";
import { sinceOf } from "./presence-record.ts";
import { PresenceWrites, type Departure } from "./presence-writes.ts";
import { brokerUnavailable } from "./unavailable.ts";

export interface NatsPresenceOptions {
  readonly names: BrokerNames;
  readonly bucket: Bucket;
  readonly ttlMs: number;
  /** @throws {Error} when NATS is away. */
  readonly jetStream: () => JetStream;
  /** What changes is not heard of any more over this connection. */
  readonly interrupted: (js: JetStream, why: Error) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A session of this node that is present somewhere. */
interface Own {
  readonly member: PresenceMember;
  readonly key: string;
  aliveMs: number;
}

const mostAtOnce = 256;
/** After an outage the other nodes are connected again by then. */
const graceMs = 10_000;

/** How long an entry is kept that nobody refreshes: a mark that somebody left, mostly. */
export function presenceAgeMs(ttlMs: number): number {
  return Math.max(3_600_000, 4 * ttlMs);
}

/**
 * Presence in a bucket, an entry for each id in a stream. Entries change only when somebody comes or goes: sessions live as long as their
 * node, which shows signs of life for all of them, and this node itself lets go of those that show none.
 */
export class NatsPresence implements PresenceStore {
  readonly ttlMs: number;
  readonly #options: NatsPresenceOptions;
  readonly #copy: PresenceCopy;
  readonly #leases: NodeLeases;
  readonly #writes: PresenceWrites;
  /** By stream and sid. */
  readonly #own = new Map<string, Map<string, Own>>();
  #expired: (stream: string, id: string) => void = () => {};
  #timer: Timer | undefined;
  #renewedMs = -Infinity;
  #wasConnected = false;

  constructor(options: NatsPresenceOptions) {
    const { clock, bucket, ttlMs, interrupted } = options;
    this.#options = options;
    this.ttlMs = ttlMs;
    this.#leases = new NodeLeases({ bucket, clock, deadAfterMs: ttlMs + this.#renewEveryMs });
    this.#copy = new PresenceCopy({
      bucket,
      clock,
      interrupted,
      alive: (node) => this.#leases.heard(node),
      moved: (key, sid, node) => this.#moved(key, sid, node),
    });
    this.#writes = new PresenceWrites({ bucket, clock, copy: this.#copy, mark: randomBytes(8).toString("hex") });
  }

  start(expired: (stream: string, id: string) => void): void {
    this.#expired = expired;
    this.#tickLater();
  }

  /** Those who are present stay so until their time is up: they may come back to another node. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#expired = () => {};
    this.#copy.drop(new Error("the broker was stopped"));
    this.#own.clear();
  }

  /** Takes a new connection into use. */
  async adopt(js: JetStream): Promise<void> {
    await this.#options.bucket.prepare(js);
    await this.#leases.renew(js);
    await this.#copy.adopt(js);
    if (this.#wasConnected) this.#leases.heardNothing(graceMs);
    this.#wasConnected = true;
  }

  async join(member: PresenceMember): Promise<boolean> {
    const { stream, sid, id } = member;
    const present = this.#own.get(stream)?.get(sid);
    if (present !== undefined && present.member.id !== id) {
      throw new CableError("command.presence_mismatch", "The session is present in this stream under another id; leave first.");
    }
    try {
      const js = this.#options.jetStream();
      const isFirst = await this.#writes.add(js, this.#keyOf(member), member, this.#leases.node, present === undefined);
      this.#note(member);
      return isFirst;
    } catch (error) {
      throw unlessNamed(error);
    }
  }

  async leave(stream: string, sid: string): Promise<string | undefined> {
    try {
      const js = this.#options.jetStream();
      const key = this.#own.get(stream)?.get(sid)?.key ?? (await this.#find(js, stream, sid));
      if (key === undefined) return undefined;
      const departure = await this.#writes.remove(js, key, (each) => each === sid);
      this.#drop(stream, sid);
      return departure?.id;
    } catch (error) {
      throw unlessNamed(error);
    }
  }

  async keep(members: readonly PresenceMember[]): Promise<void> {
    for (const member of members) this.#note(member);
    try {
      const js = this.#options.jetStream();
      await this.#renew(js);
      const oldMs = this.#options.clock.nowMs() - presenceAgeMs(this.ttlMs) / 3;
      const missing = members.filter((member) => {
        const record = this.#copy.get(this.#keyOf(member));
        return record?.nodes.get(member.sid) !== this.#leases.node || record.atMs < oldMs;
      });
      for (let at = 0; at < missing.length; at += mostAtOnce) {
        const some = missing.slice(at, at + mostAtOnce);
        await Promise.all(some.map((member) => this.#writes.add(js, this.#keyOf(member), member, this.#leases.node, false)));
      }
    } catch (error) {
      throw unlessNamed(error);
    }
  }

  async info(stream: string, withRecords: boolean): Promise<PresenceInfo> {
    try {
      await this.#copy.caughtUp(this.#options.jetStream());
    } catch (error) {
      throw unlessNamed(error);
    }
    const present = [...this.#copy.in(this.#options.names.word(stream))].map(([, record]) => record);
    if (!withRecords) return { total: present.length };
    const records = present.toSorted((one, other) => sinceOf(one) - sinceOf(other)).map(({ id, info }) => ({ id, info }));
    return { total: present.length, records };
  }

  get #renewEveryMs(): number {
    return Math.min(this.ttlMs / 3, 300_000);
  }

  #keyOf({ stream, id }: PresenceMember): string {
    const { names } = this.#options;
    return keyOfMember(names.word(stream), names.word(id));
  }

  /** It is here, and alive. */
  #note(member: PresenceMember): void {
    let sessions = this.#own.get(member.stream);
    if (sessions === undefined) this.#own.set(member.stream, (sessions = new Map()));
    sessions.set(member.sid, { member, key: this.#keyOf(member), aliveMs: this.#options.clock.monotonicMs() });
  }

  #drop(stream: string, sid: string): void {
    const sessions = this.#own.get(stream);
    sessions?.delete(sid);
    if (sessions?.size === 0) this.#own.delete(stream);
  }

  /** The session's client is connected to another node now. */
  #moved(key: string, sid: string, node: string): void {
    if (node === this.#leases.node || this.#own.size === 0) return;
    const stream = this.#copy.get(key)?.stream ?? "";
    if (this.#own.get(stream)?.get(sid)?.key === key) this.#drop(stream, sid);
  }

  /** Where a session is that is not of this node. */
  async #find(js: JetStream, stream: string, sid: string): Promise<string | undefined> {
    await this.#copy.caughtUp(js);
    for (const [key, { nodes }] of this.#copy.in(this.#options.names.word(stream))) if (nodes.has(sid)) return key;
    return undefined;
  }

  async #renew(js: JetStream): Promise<void> {
    await this.#leases.renew(js);
    this.#renewedMs = this.#options.clock.monotonicMs();
  }

  #tickLater(): void {
    this.#timer = this.#options.clock.after(Math.max(50, Math.min(1_000, this.ttlMs / 4)), () => {
      void this.#tick().finally(() => {
        if (this.#timer !== undefined) this.#tickLater();
      });
    });
  }

  async #tick(): Promise<void> {
    try {
      const js = this.#options.jetStream();
      if (this.#options.clock.monotonicMs() - this.#renewedMs >= this.#renewEveryMs) await this.#renew(js);
      for (const departure of await this.#writes.settle(js)) this.#tell(departure);
      await this.#letGo(js);
      for (const node of this.#leases.dead(this.#copy.nodes.keys())) await this.#seeTo(js, node);
    } catch (error) {
      this.#options.logger.debug("Presence can't be looked after now", { error: messageOf(error) });
    }
  }

  /** Sessions of this node that show no sign of life. */
  async #letGo(js: JetStream): Promise<void> {
    const oldMs = this.#options.clock.monotonicMs() - this.ttlMs;
    const silent = [...this.#own.values()].flatMap((sessions) => [...sessions.values()].filter(({ aliveMs }) => aliveMs <= oldMs));
    await inChunks(silent, async ({ member: { stream, sid }, key }) => {
      const departure = await this.#writes.remove(js, key, (each, node) => each === sid && node === this.#leases.node);
      this.#drop(stream, sid);
      this.#tell(departure);
    });
  }

  /** A node is dead: nobody else lets its sessions go. */
  async #seeTo(js: JetStream, node: string): Promise<void> {
    const keys = this.#copy.keysOf(node);
    await inChunks(keys, async (key) => this.#tell(await this.#writes.remove(js, key, (_sid, of) => of === node)));
    await this.#leases.bury(js, node);
    if (keys.length > 0) this.#options.logger.info("A node is gone, and whoever was present on it", { entries: keys.length });
  }

  #tell(departure: Departure | undefined): void {
    if (departure !== undefined) this.#expired(departure.stream, departure.id);
  }
}

async function inChunks<Item>(items: readonly Item[], task: (item: Item) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += mostAtOnce) await Promise.all(items.slice(at, at + mostAtOnce).map(task));
}

function unlessNamed(error: unknown): CableError {
  return error instanceof CableError ? error : brokerUnavailable("presence", error);
}
