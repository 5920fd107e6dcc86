import { isUtf8 } from "node:buffer";
import type { Clock } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import { backoffMs } from "../internal/backoff.ts";
import { seldom } from "../internal/seldom.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { isRefusal } from "../redis/client.ts";
import type { AcceptBroadcast } from "./broadcaster.ts";
import type { StreamAcks } from "./redis-stream-acks.ts";
import type { StreamGroup } from "./redis-stream-group.ts";
import { StreamHand } from "./redis-stream-hand.ts";
import type { StreamEntry } from "./redis-stream-replies.ts";

export interface StreamConsumerOptions {
  readonly group: StreamGroup;
  readonly accept: AcceptBroadcast;
  readonly acks: StreamAcks;
  /** How long one look for new entries waits. */
  readonly blockMs: number;
  /** How long a consumer may do nothing with an entry before another one takes it over. */
  readonly claimAfterMs: number;
  /** How long a consumer that has nothing to do may be silent before it is taken out of the group. */
  readonly deadAfterMs: number;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A fault of ours may be gone at the next try, but not for ever. */
const mostFaults = 3;
/** Bytes that one look for entries should bring: their size is known only afterwards. */
const wantedBytes = 4 * 1024 * 1024;
const mostEntries = 100;

/** Handles the entries of a group, one after another, over one connection: when that breaks, another consumer takes its place. */
export class StreamConsumer {
  readonly #options: StreamConsumerOptions;
  readonly #tellUnavailable: (about: string) => void;
  #isStopping = false;
  /** Ends a wait before its time. */
  #wake: (() => void) | undefined;
  #count = 16;
  /** Waiting for entries, in a command that blocks. */
  isBlocked = false;

  constructor(options: StreamConsumerOptions) {
    this.#options = options;
    this.#tellUnavailable = seldom(options.clock, 60_000, (error, times) =>
      options.logger.warn("A publication can't be taken now; trying on", { error, times }),
    );
  }

  /** Ends `run` after the entry in hand. */
  stop(): void {
    this.#isStopping = true;
    this.#wake?.();
  }

  /** Resolves when it was stopped and everything is given back; rejects when the connection breaks or Redis says no. */
  async run(): Promise<void> {
    const { group, acks, clock, blockMs, claimAfterMs, deadAfterMs } = this.#options;
    await this.#handleOwn();
    let claimAtMs = clock.monotonicMs();
    let removeDeadAtMs = claimAtMs;
    while (!this.#isStopping) {
      if (clock.monotonicMs() >= claimAtMs) {
        await this.#handleAbandoned();
        claimAtMs = clock.monotonicMs() + claimAfterMs;
      }
      if (clock.monotonicMs() >= removeDeadAtMs) {
        await group.removeDead(deadAfterMs);
        removeDeadAtMs = clock.monotonicMs() + deadAfterMs / 4;
      }
      if (this.#isStopping) break;
      acks.send();
      await this.#handle(await this.#readNew(Math.max(1, Math.min(blockMs, claimAfterMs))));
    }
    await acks.sent();
    await group.leave();
  }

  /** What a broken connection left in our name is older than everything new. */
  async #handleOwn(): Promise<void> {
    for (let after: string | undefined = "0"; after !== undefined && !this.#isStopping;) {
      const entries: readonly StreamEntry[] = await this.#options.group.readOwn(after, this.#count);
      await this.#handle(entries);
      after = entries.at(-1)?.id;
    }
  }

  async #handleAbandoned(): Promise<void> {
    const { group, claimAfterMs, logger } = this.#options;
    for (let from: string | undefined = "0-0"; from !== undefined && !this.#isStopping;) {
      const { entries, next } = await group.claim(claimAfterMs, from, this.#count);
      if (entries.length > 0) logger.info("Publications of another consumer were taken over", { entries: entries.length });
      await this.#handle(entries);
      from = next;
    }
  }

  async #readNew(blockMs: number): Promise<readonly StreamEntry[]> {
    this.isBlocked = true;
    try {
      return await this.#options.group.readNew(this.#count, blockMs);
    } finally {
      this.isBlocked = false;
    }
  }

  async #handle(entries: readonly StreamEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const bytes = entries.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
    this.#count = Math.max(1, Math.min(mostEntries, Math.floor((wantedBytes * entries.length) / (bytes + 1))));
    const hand = new StreamHand({ ...this.#options, entries });
    hand.hold();
    try {
      for (let entry = hand.next(); entry !== undefined; entry = hand.next()) {
        if (this.#isStopping || !(await this.#handleOne(entry, hand))) break;
      }
    } finally {
      hand.letGo();
    }
    await this.#options.group.release(hand.left);
  }

  /** False: stopped before it was done with. */
  async #handleOne(entry: StreamEntry, hand: StreamHand): Promise<boolean> {
    const { acks, random, logger, metrics } = this.#options;
    if (entry.isGone) {
      logger.warn("A publication was deleted before it could be handled", { entry: entry.id });
      acks.add(entry.id);
      return true;
    }
    for (let tries = 0, faults = 0; ; tries++) {
      try {
        await this.#accept(entry);
        acks.add(entry.id);
        return true;
      } catch (error) {
        const code = error instanceof CableError ? error.code : undefined;
        if (code === "publication.unavailable") this.#tellUnavailable(messageOf(error));
        else if (code === "publication.malformed" || code === "publication.too_large") {
          await this.#reject(entry, error);
          return true;
        } else if (++faults === mostFaults) {
          metrics.counters.failed_broadcast_msg_total++;
          await this.#reject(entry, error);
          return true;
        }
        // Whoever can handle it shall have it.
        hand.letGo();
        await this.#wait(backoffMs(tries, random));
        if (this.#isStopping) return false;
        if (!(await hand.check())) return true;
        hand.hold();
      }
    }
  }

  #accept({ payload }: StreamEntry): Promise<void> | void {
    const { accept, maxBodyBytes, metrics } = this.#options;
    const problem =
      payload === undefined
        ? "it has no field payload"
        : payload.length > maxBodyBytes
          ? `its payload of ${payload.length} bytes is over the limit of ${maxBodyBytes}`
          : isUtf8(payload)
            ? undefined
            : "its payload is not UTF-8";
    if (payload !== undefined && problem === undefined) return accept(payload.toString());
    metrics.counters.failed_broadcast_msg_total++;
    throw new CableError("publication.malformed", `Not a publication: ${problem}.`);
  }

  async #reject(entry: StreamEntry, error: unknown): Promise<void> {
    const { group, acks, logger, maxBodyBytes } = this.#options;
    const about = { entry: entry.id, error: messageOf(error) };
    try {
      await group.reject(entry, messageOf(error), maxBodyBytes);
      logger.error("A publication can't be handled, and was put aside", about);
    } catch (refusal) {
      if (!isRefusal(refusal)) throw refusal;
      logger.error("A publication can't be handled, and could not be put aside either", { ...about, refusal: messageOf(refusal) });
    }
    acks.add(entry.id);
  }

  #wait(ms: number): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#options.clock.after(ms, done);
      this.#wake = done;
    });
  }
}
