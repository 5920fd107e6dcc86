import type { Clock, Timer } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import { seldom } from "../../internal/seldom.ts";
import type { Logger } from "../../logger.ts";
import type { Restorable, SessionStore, StoredSession } from "../broker.ts";
import { decodeSession, encodeSession } from "../session-text.ts";
import { SessionWrites, type SessionWrite } from "../session-writes.ts";
import type { Bucket } from "./bucket.ts";
import { WrongRevision, type JetStream, type StoredMessage } from "./jetstream.ts";
import type { BrokerNames } from "./names.ts";
import { brokerUnavailable } from "./unavailable.ts";

export interface NatsSessionsOptions {
  readonly names: BrokerNames;
  readonly bucket: Bucket;
  readonly ttlMs: number;
  /** @throws {Error} when NATS is away. */
  readonly jetStream: () => JetStream;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What this node knows of an entry that it writes. */
interface Owned {
  session: Restorable | undefined;
  /** Of the entry as we wrote it last; 0 = not that we know. */
  revision: number;
  /** It was taken or forgotten: nothing may bring it back. */
  isOver: boolean;
  /** Clock.monotonicMs when it was written or over. */
  atMs: number;
}

/** Why an entry is deleted. */
const taken = "taken";
const forgotten = "forgotten";

const mostWaiting = 100_000;
/** An entry that changes faster than it can be taken belongs to somebody who is alive. */
const mostTries = 5;

/** Sessions in a bucket, an entry each. Whoever takes one deletes just the revision that was read, which leaves a mark. */
export class NatsSessions implements SessionStore {
  readonly ttlMs: number;
  readonly #options: NatsSessionsOptions;
  readonly #writes: SessionWrites;
  readonly #owned = new Map<string, Owned>();
  #timer: Timer | undefined;

  constructor(options: NatsSessionsOptions) {
    const { clock, logger, ttlMs } = options;
    this.#options = options;
    this.ttlMs = ttlMs;
    const tellFailed = seldom(clock, 60_000, (error, times) =>
      logger.warn("Sessions can't be stored now: they are written when NATS is back", { error, times }),
    );
    const tellDropped = seldom(clock, 60_000, (_, times) =>
      logger.warn("Too many sessions wait to be stored: the oldest can't be restored", { times }),
    );
    this.#writes = new SessionWrites({
      write: (sid, write) => this.#write(sid, write),
      failed: (error) => tellFailed(messageOf(error)),
      dropped: () => tellDropped(""),
      mostWaiting,
      clock,
    });
  }

  start(): void {
    this.#timer = this.#options.clock.after(Math.min(this.ttlMs, 60_000), () => {
      this.#forgetOld();
      this.start();
    });
  }

  /** Writes what is still to be written, if NATS is there. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#writes.end();
    this.#owned.clear();
  }

  save(session: Restorable): void {
    const owned = this.#ownedOf(session.sid);
    if (owned.isOver) return;
    owned.session = session;
    this.#writes.add(session.sid, { kind: "save", session });
  }

  extend(sids: readonly string[]): void {
    const oldMs = this.#options.clock.monotonicMs() - this.ttlMs / 4;
    for (const sid of sids) {
      const owned = this.#owned.get(sid);
      if (owned?.session !== undefined && !owned.isOver && owned.atMs < oldMs) this.save(owned.session);
    }
  }

  leave(session: Restorable): void {
    const owned = this.#ownedOf(session.sid);
    owned.session = undefined;
    if (owned.isOver) return;
    const untilMs = this.#options.clock.monotonicMs() + this.ttlMs;
    this.#writes.add(session.sid, { kind: "leave", text: encodeSession(session.snapshot()), untilMs });
  }

  forget(sid: string): void {
    this.#writes.add(sid, { kind: "forget" });
  }

  async take(sid: string, accepts: (stored: StoredSession) => boolean): Promise<StoredSession | undefined> {
    const { bucket, names, jetStream } = this.#options;
    const key = names.word(sid);
    try {
      await this.#writes.settled(sid);
      const js = jetStream();
      for (let tries = 0; tries < mostTries; tries++) {
        const entry = await this.#read(js, key);
        const stored = entry === undefined || entry.isDeleted ? undefined : decodeSession(entry.text);
        if (entry === undefined || stored === undefined || !accepts(stored)) return undefined;
        if (await isDone(bucket.delete(js, key, taken, entry.revision))) {
          if (this.#owned.has(sid)) this.#over(sid);
          return stored;
        }
      }
      return undefined;
    } catch (error) {
      throw brokerUnavailable("sessions", error);
    }
  }

  async wasTaken(sid: string): Promise<boolean> {
    const { names, jetStream } = this.#options;
    try {
      await this.#writes.settled(sid);
      const entry = await this.#read(jetStream(), names.word(sid));
      return entry?.isDeleted === true && entry.text === taken;
    } catch (error) {
      throw brokerUnavailable("sessions", error);
    }
  }

  /** undefined: there is none, or its time is up. */
  async #read(js: JetStream, key: string): Promise<StoredMessage | undefined> {
    const entry = await this.#options.bucket.get(js, key);
    return entry === undefined || this.#options.clock.nowMs() - entry.atMs > this.ttlMs ? undefined : entry;
  }

  async #write(sid: string, write: SessionWrite): Promise<void> {
    const { bucket, names, clock, jetStream } = this.#options;
    const owned = this.#ownedOf(sid);
    if (owned.isOver || (write.kind === "leave" && clock.monotonicMs() >= write.untilMs)) return;
    const js = jetStream();
    const key = names.word(sid);
    for (;;) {
      const put = async (): Promise<void> => {
        if (write.kind === "forget") await bucket.delete(js, key, forgotten, owned.revision);
        else
          owned.revision = await bucket.put(
            js,
            key,
            write.kind === "save" ? encodeSession(write.session.snapshot()) : write.text,
            owned.revision,
          );
      };
      // What may never have been written needs no mark that it is forgotten.
      if ((write.kind !== "forget" || owned.revision > 0) && (await isDone(put()))) break;
      const entry = await bucket.get(js, key);
      if (entry?.isDeleted === true || (entry === undefined && write.kind === "forget")) return this.#over(sid);
      // It ended, or an answer got lost after it was written.
      owned.revision = entry?.revision ?? 0;
    }
    if (write.kind === "forget") this.#over(sid);
    else owned.atMs = clock.monotonicMs();
  }

  #ownedOf(sid: string): Owned {
    let owned = this.#owned.get(sid);
    if (owned === undefined)
      this.#owned.set(sid, (owned = { session: undefined, revision: 0, isOver: false, atMs: this.#options.clock.monotonicMs() }));
    return owned;
  }

  #over(sid: string): void {
    const owned = this.#ownedOf(sid);
    owned.isOver = true;
    owned.session = undefined;
    owned.atMs = this.#options.clock.monotonicMs();
  }

  /** By then nobody has them any more. */
  #forgetOld(): void {
    const oldMs = this.#options.clock.monotonicMs() - 2 * this.ttlMs;
    for (const [sid, { atMs }] of this.#owned) if (atMs < oldMs) this.#owned.delete(sid);
  }
}

/** False: the entry has changed meanwhile. */
async function isDone(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (error instanceof WrongRevision) return false;
    throw error;
  }
}
