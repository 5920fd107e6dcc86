import type { Clock } from "../../clock.ts";
import { backoffMs } from "../../internal/backoff.ts";
import type { Logger } from "../../logger.ts";
import { messageOf } from "../../errors.ts";
import type { BegunEntry, Directory, StreamSettings } from "./directory.ts";
import { historyShape, limitChanges, stateOf, type FoundHistory } from "./history-shape.ts";
import { NoStream, TooLargeForStream, type JetStream } from "./jetstream.ts";
import type { BrokerNames } from "./names.ts";

export interface HistoryStreamsOptions {
  readonly names: BrokerNames;
  readonly directory: Directory;
  readonly settingsFor: (stream: string) => StreamSettings;
  readonly replicas: number;
  /** Acknowledged publications are lost: all epochs have to end. */
  readonly lostSomething: (js: JetStream) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What this node knows of a stream from what went through it. */
interface Known {
  epoch: string;
  lostMs: number;
  /** The newest that was acknowledged to us, or heard. */
  sequence: number;
  touchedMs: number;
  /** Its JetStream stream was there when it was used last. */
  isUsable: boolean;
}

/** A stream as it is in the store. */
export interface FoundStream {
  readonly lostMs: number;
  /** undefined: nothing of it is kept. */
  readonly history: FoundHistory | undefined;
}

/** Another node is making the stream; if it is not there after this part of the time that there is, we do. */
const mostMaking = 0.4;
/** A stream that was closed to be removed, and is still there by then, is opened again. */
const mostClosed = 0.6;
/** For so long after it was used a stream is not removed by anybody: when it is gone all the same, it is lost. */
const rememberedMs = 1_800_000;
const pauseMs = 50;
/** The JetStream streams that keep publications: made when they are needed, with the limits that are wanted. */
export class HistoryStreams {
  readonly #options: HistoryStreamsOptions;
  readonly #known = new Map<string, Known>();
  readonly #opening = new Map<string, Promise<string>>();

  constructor(options: HistoryStreamsOptions) {
    this.#options = options;
  }

  /** Stores a publication. Streams that are not there are made. */
  async append(js: JetStream, stream: string, bytes: Uint8Array): Promise<{ readonly epoch: string; readonly sequence: number }> {
    const { names, clock } = this.#options;
    const word = names.word(stream);
    const untilMs = clock.monotonicMs() + js.timeoutMs;
    for (let tries = 0; ; tries++) {
      const known = this.#known.get(word);
      const epoch = known?.isUsable === true ? known.epoch : await this.#open(js, word, stream, untilMs);
      try {
        const sequence = await js.append(names.historySubject(word, epoch), bytes);
        this.heard(stream, epoch, sequence);
        return { epoch, sequence };
      } catch (error) {
        // Neither has it been stored then.
        const isElsewhere = error instanceof NoStream || error instanceof TooLargeForStream;
        if (!isElsewhere || clock.monotonicMs() >= untilMs) throw error;
        this.#distrust(word, epoch);
        if (tries > 0) await this.#pause(backoffMs(tries, () => 0) / 5);
      }
    }
  }

  /** A publication of this position was stored. One of another epoch than we knew does not say which of them is over: the directory does. */
  heard(stream: string, epoch: string, sequence: number): void {
    const word = this.#options.names.word(stream);
    const known = this.#known.get(word);
    const touchedMs = this.#options.clock.monotonicMs();
    if (known?.epoch === epoch) {
      known.sequence = Math.max(known.sequence, sequence);
      known.touchedMs = touchedMs;
    } else this.#known.set(word, { epoch, lostMs: 0, sequence, touchedMs, isUsable: false });
  }

  /** What there is of a stream now. */
  async find(js: JetStream, stream: string): Promise<FoundStream> {
    const { names, directory } = this.#options;
    const { storeId } = directory;
    const word = names.word(stream);
    const known = this.#known.get(word);
    if (known?.isUsable === true) {
      const info = await this.#look(js, word, known);
      if (info !== undefined) return info;
      this.#distrust(word, known.epoch);
    }
    for (;;) {
      const entry = await directory.find(js, word);
      if (entry === undefined) {
        if (this.#isRecent(this.#known.get(word))) await this.#lose(js, storeId);
        return { lostMs: 0, history: undefined };
      }
      const { epoch, lostMs } = entry;
      if (epoch === undefined || !entry.isMade) return { lostMs, history: undefined };
      const found = await this.#look(js, word, this.#learn(word, { epoch, lostMs }));
      if (found !== undefined) return found;
      await directory.lost(js, word, entry);
    }
  }

  /** After an interruption: whether everything is still there that was acknowledged shortly before. */
  async verify(js: JetStream, most: number): Promise<void> {
    const recent = [...this.#known].toSorted(([, one], [, other]) => other.touchedMs - one.touchedMs).slice(0, most);
    for (const [, known] of this.#known) known.isUsable = false;
    for (let at = 0; at < recent.length; at += 64) {
      const some = recent.slice(at, at + 64);
      const storeId = this.#options.directory.storeId;
      await Promise.all(some.map(([word, known]) => this.#verify(js, word, known)));
      if (this.#options.directory.storeId !== storeId) return;
    }
  }

  /** Forgets all that it knew: the store is another one. */
  forgetAll(): void {
    this.#known.clear();
  }

  /** Forgets streams that were not used for long. `isFollowed`: somebody here listens. */
  forgetOld(isFollowed: (word: string) => boolean): void {
    const oldMs = this.#options.clock.monotonicMs() - rememberedMs;
    for (const [word, { touchedMs }] of this.#known) if (touchedMs < oldMs && !isFollowed(word)) this.#known.delete(word);
  }

  async #verify(js: JetStream, word: string, known: Known): Promise<void> {
    const { directory } = this.#options;
    const { storeId } = directory;
    const entry = await directory.find(js, word);
    if (entry?.epoch !== known.epoch) {
      // With an entry somebody else has seen to it.
      if (entry === undefined && this.#isRecent(known)) await this.#lose(js, storeId);
      return;
    }
    if ((await this.#look(js, word, known)) === undefined) await directory.lost(js, word, entry);
  }

  /** `storeId`: which store it was when that was noticed. Of many who notice, one is enough. */
  async #lose(js: JetStream, storeId: string): Promise<void> {
    if (this.#options.directory.storeId === storeId) await this.#options.lostSomething(js);
  }

  /** Publications went through it so lately that nobody has forgotten it. */
  #isRecent(known: Known | undefined): boolean {
    return known !== undefined && known.sequence > 0 && this.#options.clock.monotonicMs() - known.touchedMs < rememberedMs;
  }

  /** undefined: the JetStream stream is not there. */
  async #look(js: JetStream, word: string, known: Known): Promise<FoundStream | undefined> {
    const { names, directory, clock, logger } = this.#options;
    const { storeId } = directory;
    // What is heard from now on may not be in the answer yet.
    const least = known.sequence;
    const info = await js.look(names.history(word, known.epoch));
    if (info === undefined) return undefined;
    const history = stateOf(info, known.epoch);
    if (history.lastSequence < least) {
      logger.warn("NATS has lost publications that it had acknowledged: history begins anew", { stream: history.name });
      await this.#lose(js, storeId);
      return { lostMs: 0, history: undefined };
    }
    known.sequence = Math.max(known.sequence, history.lastSequence);
    const ageMs = history.lastSequence === 0 ? 0 : Math.max(0, clock.nowMs() - history.lastMs);
    known.touchedMs = Math.max(known.touchedMs, clock.monotonicMs() - ageMs);
    return { lostMs: known.lostMs, history };
  }

  /** One at a time for each stream, so that who waits goes on in the order in which they came. */
  #open(js: JetStream, word: string, stream: string, untilMs: number): Promise<string> {
    const opening = this.#opening.get(word) ?? this.#openNow(js, word, stream, untilMs).finally(() => this.#opening.delete(word));
    this.#opening.set(word, opening);
    return opening;
  }

  async #openNow(js: JetStream, word: string, stream: string, untilMs: number): Promise<string> {
    const { directory, settingsFor, clock } = this.#options;
    const settings = settingsFor(stream);
    for (const beganMs = clock.monotonicMs(); ;) {
      const nowMs = clock.monotonicMs();
      if (nowMs >= untilMs) throw new Error(`the stream was not ready within ${js.timeoutMs} ms`);
      const { entry, isNew } = await directory.claim(js, word, settings);
      if (!entry.isMade) {
        if (!isNew && nowMs - beganMs < mostMaking * js.timeoutMs) await this.#pause(pauseMs);
        else if (await this.#make(js, word, entry)) return this.#learn(word, entry).epoch;
        continue;
      }
      const { history } = (await this.#look(js, word, this.#learn(word, entry))) ?? {};
      if (history === undefined) await directory.lost(js, word, entry);
      else if (!history.isClosed) {
        await this.#adjust(js, history, settings);
        return entry.epoch;
      } else if (nowMs - beganMs < mostClosed * js.timeoutMs) await this.#pause(5 * pauseMs);
      else await this.#reopen(js, word, entry);
    }
  }

  async #make(js: JetStream, word: string, entry: BegunEntry): Promise<boolean> {
    const { names, replicas, directory } = this.#options;
    await js.create(historyShape(names, word, entry, replicas));
    return directory.made(js, word, entry);
  }

  async #adjust(js: JetStream, present: FoundHistory, settings: StreamSettings): Promise<void> {
    const { replicas, clock, logger } = this.#options;
    const changes = limitChanges(present, settings, replicas, clock.nowMs());
    if (changes === undefined) return;
    try {
      await js.change(present.name, changes);
    } catch (error) {
      // It works as it is, too.
      logger.warn("JetStream does not take new limits for a stream", { stream: present.name, error: messageOf(error) });
    }
  }

  /** Whoever wanted to remove it has not done so: it goes on. */
  async #reopen(js: JetStream, word: string, entry: BegunEntry): Promise<void> {
    const { names, directory } = this.#options;
    if (await directory.keep(js, word, entry)) await js.change(names.history(word, entry.epoch), { max_msg_size: -1 });
  }

  #learn(word: string, { epoch, lostMs }: Pick<BegunEntry, "epoch" | "lostMs">): Known {
    const before = this.#known.get(word);
    const known = before?.epoch === epoch ? before : { epoch, lostMs, sequence: 0, touchedMs: -Infinity, isUsable: true };
    known.lostMs = lostMs;
    known.isUsable = true;
    this.#known.set(word, known);
    return known;
  }

  #distrust(word: string, epoch: string): void {
    const known = this.#known.get(word);
    if (known?.epoch === epoch) known.isUsable = false;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }
}
