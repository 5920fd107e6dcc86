import type { Clock } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import { seldom } from "../../internal/seldom.ts";
import type { Logger } from "../../logger.ts";
import { hashSlot } from "../../redis/hash-slot.ts";
import type { RedisStore } from "../../redis/store.ts";
import type { Restorable, SessionStore, StoredSession } from "../broker.ts";
import type { BrokerKeys } from "./keys.ts";
import { forgetScript, saveScript, takeScript } from "./session-scripts.ts";
import { decodeSession, encodeSession } from "../session-text.ts";
import { SessionWrites, type SessionWrite } from "../session-writes.ts";
import { brokerUnavailable } from "./unavailable.ts";

export interface RedisSessionsOptions {
  readonly store: RedisStore;
  readonly keys: BrokerKeys;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const mostWaiting = 100_000;
const mostAtOnce = 256;
/** An entry that changes faster than it can be taken belongs to somebody who is alive. */
const mostTries = 5;

/** Sessions in Redis: one key each. */
export class RedisSessions implements SessionStore {
  readonly ttlMs: number;
  readonly #options: RedisSessionsOptions;
  readonly #writes: SessionWrites;
  #version = 0;
  #isStopped = false;

  constructor(options: RedisSessionsOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.ttlMs = options.ttlMs;
    const tellFailed = seldom(clock, 60_000, (error, times) =>
      logger.warn("Sessions can't be stored now: they are written when Redis is back", { error, times }),
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

  /** Writes what is still to be written, if Redis is there. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#writes.end();
  }

  save(session: Restorable): void {
    this.#writes.add(session.sid, { kind: "save", session });
  }

  leave(session: Restorable): void {
    const untilMs = this.#options.clock.monotonicMs() + this.ttlMs;
    this.#writes.add(session.sid, { kind: "leave", text: encodeSession(session.snapshot()), untilMs });
  }

  forget(sid: string): void {
    this.#writes.add(sid, { kind: "forget" });
  }

  extend(sids: readonly string[]): void {
    void this.#extend(sids);
  }

  async take(sid: string, accepts: (stored: StoredSession) => boolean): Promise<StoredSession | undefined> {
    const { store, keys } = this.#options;
    const key = keys.session(sid);
    try {
      await this.#writes.settled(sid);
      for (let tries = 0; tries < mostTries; tries++) {
        const [, version, text] = /^(\d+)(\{.*)$/s.exec(String(await this.#get(key))) ?? [];
        if (version === undefined) return undefined;
        const stored = decodeSession(text!);
        if (stored === undefined || !accepts(stored)) return undefined;
        if ((await store.run(takeScript, [key], [version, String(this.ttlMs)])) === 1) return stored;
      }
      return undefined;
    } catch (error) {
      throw brokerUnavailable("sessions", error);
    }
  }

  async wasTaken(sid: string): Promise<boolean> {
    try {
      await this.#writes.settled(sid);
      return (await this.#get(this.#options.keys.session(sid))) === "taken";
    } catch (error) {
      throw brokerUnavailable("sessions", error);
    }
  }

  #get(key: string): Promise<unknown> {
    return this.#options.store.send(hashSlot(key), ["GET", key]);
  }

  async #write(sid: string, write: SessionWrite): Promise<void> {
    const { store, keys, clock } = this.#options;
    const key = keys.session(sid);
    if (write.kind === "forget") {
      await store.run(forgetScript, [key], [String(this.ttlMs)]);
      return;
    }
    const ttlMs = write.kind === "save" ? this.ttlMs : Math.floor(write.untilMs - clock.monotonicMs());
    if (ttlMs <= 0) return;
    const text = write.kind === "save" ? encodeSession(write.session.snapshot()) : write.text;
    await store.run(saveScript, [key], [String(++this.#version), text, String(ttlMs)]);
  }

  /** A failure does no harm: before the entries end there is another time. */
  async #extend(sids: readonly string[]): Promise<void> {
    const { store, keys } = this.#options;
    try {
      for (let at = 0; at < sids.length && !this.#isStopped; at += mostAtOnce) {
        await Promise.all(
          sids.slice(at, at + mostAtOnce).map((sid) => {
            const key = keys.session(sid);
            return store.send(hashSlot(key), ["PEXPIRE", key, String(this.ttlMs)]);
          }),
        );
      }
    } catch (error) {
      this.#options.logger.debug("Sessions could not be extended", { error: messageOf(error) });
    }
  }
}
