import type { Clock } from "../../clock.ts";
import { CableError, messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { encodePublication } from "../../publications/envelope.ts";
import type { Publication, StreamPosition } from "../../publications/publication.ts";
import { isInDoubt, RedisAway, type RedisStore, type RedisStoreServer } from "../../redis/store.ts";
import type { HistoryAnswer, StreamHistory } from "../broker.ts";
import { HeadKeeper } from "./head-keeper.ts";
import { appendScript, birthScript } from "./history-scripts.ts";
import { historyKeys, type BrokerKeys, type StreamGroup } from "./keys.ts";
import { HistoryReads } from "./reads.ts";
import { brokerUnavailable } from "./unavailable.ts";

/** How much of a stream is kept. */
export interface StreamSettings {
  /** Publications; 0 = none, and the stream has no positions. */
  readonly limit: number;
  /** Milliseconds for which a publication is kept. */
  readonly ttlMs: number;
}

/** How publications are passed on in the step that stores them. */
export interface RedisAnnouncement {
  /** The channel on which nodes, by their pubsub, listen for a stream. */
  readonly channelOf: (stream: string) => string;
  /** With SPUBLISH, which Redis has from version 7 on; the channel is then in the slot of the stream's keys. Asked each time. Default false. */
  readonly isSharded?: boolean;
}

export interface RedisHistoryOptions {
  readonly store: RedisStore;
  readonly keys: BrokerKeys;
  readonly settingsFor: (stream: string) => StreamSettings;
  readonly announce: RedisAnnouncement | undefined;
  /** How long a publication may take to be stored, ms. */
  readonly timeoutMs: number;
  /** Never gives the same name twice, on no node and in no process. */
  readonly newEpoch: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** History in Redis, which all nodes share: every change is one script, so that nobody ever sees half of it. */
export class RedisHistory implements StreamHistory {
  readonly scope = "cluster";
  readonly passesOn: boolean;
  readonly #options: RedisHistoryOptions;
  readonly #reads: HistoryReads;
  readonly #heads: HeadKeeper;
  #isEvictionTold = false;
  /** What is added to our monotonic clock to get Redis's wall clock, by group: in a cluster each node has its own. */
  readonly #clockLeads: Float64Array;

  constructor(options: RedisHistoryOptions) {
    const { keys, settingsFor, announce } = options;
    this.#options = options;
    this.passesOn = announce !== undefined;
    this.#clockLeads = new Float64Array(keys.groups.length);
    this.#reads = new HistoryReads({ ...options, ttlMsOf: (stream) => settingsFor(stream).ttlMs });
    this.#heads = new HeadKeeper({ ...options, ttlMsOf: (stream) => headTtlMs(settingsFor(stream)) });
  }

  start(): void {
    this.#heads.start();
  }

  stop(): void {
    this.#heads.stop();
  }

  /** What is published from now on is remembered: says so to Redis, and learns what time it is there. */
  async prepare(server: RedisStoreServer): Promise<void> {
    await this.#inspect(server);
    const groups = this.#options.keys.groups.filter(({ slot }) => server.has(slot));
    await Promise.all(groups.map(async (group) => this.#noteTime(group, await server.send(birthScript.byText([group.birthKey], [])))));
  }

  /** Whether we can trust it. Rejects when this user may not know. */
  async #inspect(server: RedisStoreServer): Promise<void> {
    const { logger } = this.#options;
    const info = String(await server.send(["INFO", "replication"]));
    if (!/^master_replid:\w/m.test(info)) {
      logger.warn("Redis has no replication id: when it starts again with old data, that is not noticed");
    }
    const memory = String(await server.send(["INFO", "memory"]));
    const [, policy] = /^maxmemory_policy:(\S+)/m.exec(memory) ?? [];
    if (policy === undefined || policy === "noeviction" || /^maxmemory:0\b/m.test(memory)) return;
    if (!this.#isEvictionTold)
      logger.warn("Redis may throw away what is kept when its memory is full: set maxmemory-policy noeviction", { policy });
    this.#isEvictionTold = true;
  }

  keeps(stream: string): boolean {
    return this.#options.settingsFor(stream).limit > 0;
  }

  /**
   * The script does nothing when it comes to run too late, so that a Redis that hung does not take what was refused long ago. When the connection
   * breaks, or the answer is late by the last fifth of the time, nobody knows: `publication.unavailable` then says that it may have been stored.
   */
  async append(publication: Publication): Promise<StreamPosition> {
    const { keys, settingsFor, clock, timeoutMs, store, newEpoch } = this.#options;
    const { stream } = publication;
    const group = keys.groupOf(stream);
    const { limit, ttlMs } = settingsFor(stream);
    // An epoch for each call: one that may have been used, because an answer got lost, must not be used again.
    const last = [limit, ttlMs, headTtlMs({ limit, ttlMs }), newEpoch()].map(String).concat(this.#envelope(publication));
    const latestMs = clock.monotonicMs() + timeoutMs * 0.8;
    try {
      for (let tries = 0; ; tries++) {
        const deadline = String(Math.floor(latestMs + this.#clockLeads[group.index]!));
        const reply = await store.run(appendScript, historyKeys(group, stream), [deadline, ...last]);
        const [now, epoch, offset] = reply as [string, string?, string?];
        this.#noteTime(group, now);
        if (epoch !== undefined) return { epoch, offset: Number(offset) };
        // Its clock may have been set.
        if (tries > 0 || clock.monotonicMs() >= latestMs) throw new RedisAway("it was too slow", { isUnsent: true });
      }
    } catch (error) {
      throw notStored(error);
    }
  }

  async head(stream: string): Promise<StreamPosition | undefined> {
    try {
      return (await this.#reads.read(stream, {})).head;
    } catch (error) {
      throw brokerUnavailable("the history", error);
    }
  }

  async after(stream: string, position: StreamPosition): Promise<HistoryAnswer> {
    if (!Number.isSafeInteger(position.offset) || position.offset < 0) return { status: "gone", why: "there is no such position" };
    try {
      return (await this.#reads.read(stream, { afterOffset: position.offset })).after(position);
    } catch (error) {
      throw brokerUnavailable("the history", error);
    }
  }

  async since(stream: string, second: number, isReturning: boolean): Promise<HistoryAnswer> {
    if (!Number.isFinite(second)) return { status: "gone", why: "there is no such time" };
    try {
      return (await this.#reads.read(stream, { sinceMs: second * 1_000 })).since(second, isReturning);
    } catch (error) {
      throw brokerUnavailable("the history", error);
    }
  }

  follow(stream: string): void {
    if (this.keeps(stream)) this.#heads.add(stream);
  }

  unfollow(stream: string): void {
    this.#heads.delete(stream);
  }

  /** The envelope in two parts, of which the second is stored, then what passes it on. */
  #envelope(publication: Publication): readonly string[] {
    const { announce } = this.#options;
    const { stream } = publication;
    const beginning = `{"stream":${JSON.stringify(stream)}`;
    const text = encodePublication(publication.position === undefined ? publication : { ...publication, position: undefined });
    const rest = text.slice(beginning.length, -1);
    if (announce === undefined) return [beginning, rest];
    return [beginning, rest, announce.channelOf(stream), announce.isSharded === true ? "SPUBLISH" : "PUBLISH"];
  }

  #noteTime(group: StreamGroup, now: unknown): void {
    this.#clockLeads[group.index] = Number(now) - this.#options.clock.monotonicMs();
  }
}

/** A stream's epoch outlives its publications, so that who is up to date is told so. Clients that are connected keep it longer still. */
function headTtlMs({ ttlMs }: StreamSettings): number {
  return Math.max(10 * ttlMs, 3_600_000);
}

function notStored(error: unknown): CableError {
  const doubt = isInDoubt(error) ? " It may have been stored all the same." : "";
  return new CableError("publication.unavailable", `Redis can't store the publication now: ${messageOf(error)}.${doubt} Try again.`, {
    cause: error,
  });
}
