import type { HistoryAnswer, StreamHistory } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { backoffMs } from "../internal/backoff.ts";
import { seldom } from "../internal/seldom.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Publication, StreamPosition } from "../publications/publication.ts";

export interface TailsOptions {
  /** Of scope `cluster`: positions come from it, and so do publications that were missed. */
  readonly history: StreamHistory;
  readonly deliver: (publication: Publication) => void;
  /** Publications of the stream are lost for this node's listeners. */
  readonly lost: (stream: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Streams that are repaired at the same time: after an outage it is all of them. */
const MOST_REPAIRS = 64;
/** What may wait for a repair, as JSON text. What is dropped past it is read from the history. */
const MOST_WAITING_LENGTH = 1024 * 1024;

/** So often the history is read for a publication that had come before, and is not in it: then it is somebody else's, with positions of his own. */
const MOST_READINGS = 3;

/** What a history remembers of streams that are silent, and more. */
const LONGEST_OUTAGE_SECONDS = 1_800;

/** Where one stream stands on this node. */
interface Tail {
  /** The newest publication that went to listeners here; `none` = the stream had none when the first listener came; undefined = unknown. */
  position: Standing;
  /** Where it stood when the first listener came, as far as that could be read: what is newer goes to everybody who listens. */
  begunAt: Standing;
  /** Publications that came while a gap is being closed; undefined = there is no gap. */
  waiting: Publication[] | undefined;
  waitingLength: number;
  /** More was missed after the reading of the history began. */
  isDoubtful: boolean;
  /** When the first listener came, Unix time. */
  readonly openedAtSecond: number;
  /** Nothing has come yet. What was published while it was asked for is missing then, without that anything is wrong. */
  isNew: boolean;
}

/** Where a stream stands on this node; undefined: that is not known. */
export type Standing = StreamPosition | "none" | undefined;

/**
 * Watches that this node misses nothing. Every publication that is kept has a position, one after the other: a hole in them, or an
 * interruption of what brings them, is closed from the history before anything newer is delivered. Where that can't be done, listeners are
 * told that they missed something.
 */
export class Tails {
  readonly #options: TailsOptions;
  readonly #tails = new Map<string, Tail>();
  readonly #toRepair: string[] = [];
  #repairs = 0;
  readonly #tellForeign: (stream: string) => void;

  constructor(options: TailsOptions) {
    this.#options = options;
    this.#tellForeign = seldom(options.clock, 60_000, (stream, times) =>
      options.logger.warn("A publication has a position that the history knows nothing of: it is delivered without", { stream, times }),
    );
  }

  /** Where the stream stands here. */
  standing(stream: string): Standing {
    return this.#tails.get(stream)?.position;
  }

  /** Where it stood before anything went to its listeners here. */
  begunAt(stream: string): Standing {
    return this.#tails.get(stream)?.begunAt;
  }

  /** Listeners here have not yet heard of everything up to `head`. */
  isBehind(stream: string, head: StreamPosition): boolean {
    const position = this.standing(stream);
    return position === undefined || position === "none" || position.epoch !== head.epoch || position.offset < head.offset;
  }

  /**
   * The stream has listeners here, and is to be asked for when this resolves: to whether it still has them. Where it stands has to be known
   * before; read afterwards, its head could be ahead of what is still on its way here, which would then be taken for known.
   */
  open(stream: string): Promise<boolean> | undefined {
    const isKept = this.#options.history.keeps(stream);
    const openedAtSecond = Math.floor(this.#options.clock.nowMs() / 1_000);
    const position = isKept ? undefined : "none";
    const tail: Tail = {
      position,
      begunAt: position,
      waiting: undefined,
      waitingLength: 0,
      isDoubtful: false,
      openedAtSecond,
      isNew: true,
    };
    this.#tails.set(stream, tail);
    if (!isKept) return undefined;
    return this.#readHead(stream, tail).then(() => this.#tails.get(stream) === tail);
  }

  /** What is published to the stream arrives from now on; what was published before that, but after the head was read, does not. */
  opened(stream: string): void {
    const tail = this.#tails.get(stream);
    if (tail !== undefined && this.#options.history.keeps(stream)) void this.#compare(stream, tail);
  }

  close(stream: string): void {
    this.#tails.delete(stream);
  }

  /** A publication has arrived. */
  deliver(publication: Publication): void {
    const tail = this.#tails.get(publication.stream);
    // Nobody listens any more.
    if (tail === undefined) return;
    if (tail.waiting !== undefined) this.#wait(tail, publication);
    else if (!this.#goesOn(tail, publication)) this.#repair(publication.stream, tail, publication);
  }

  /** Publications may not have arrived lately, of any stream. */
  missed(): void {
    const followed = [...this.#tails];
    if (followed.length > 0) this.#options.logger.info("Looking for publications that were missed", { streams: followed.length });
    for (const [stream, tail] of followed) {
      if (this.#options.history.keeps(stream)) this.#missed(stream, tail);
    }
  }

  #missed(stream: string, tail: Tail): void {
    if (tail.waiting === undefined) this.#repair(stream, tail);
    else tail.isDoubtful = true;
  }

  /** Delivers the publication if it is next, or leaves it out if it was delivered before. False: something before it is missing. */
  #goesOn(tail: Tail, publication: Publication): boolean {
    const { position } = publication;
    if (position !== undefined) {
      const at = tail.position;
      if (at === "none") {
        if (position.offset !== 1) return false;
      } else if (at !== undefined) {
        // Where an epoch ends something may be lost that was acknowledged, even if the next one is heard from its beginning.
        if (position.epoch !== at.epoch) return false;
        if (position.offset <= at.offset) return true;
        if (position.offset !== at.offset + 1) return false;
      }
      tail.position = position;
      tail.isNew = false;
    }
    this.#options.deliver(publication);
    return true;
  }

  #wait(tail: Tail, publication: Publication): void {
    tail.waitingLength += publication.json.length;
    if (tail.waitingLength <= MOST_WAITING_LENGTH) tail.waiting?.push(publication);
    else tail.isDoubtful = true;
  }

  async #readHead(stream: string, tail: Tail): Promise<void> {
    try {
      const head = await this.#options.history.head(stream);
      if (tail.position === undefined) tail.position = tail.begunAt = head ?? "none";
    } catch (error) {
      this.#options.logger.debug("Where a stream stands can't be read", { stream, error: messageOf(error) });
    }
  }

  async #compare(stream: string, tail: Tail): Promise<void> {
    let isBehind = true;
    try {
      const head = await this.#options.history.head(stream);
      isBehind = tail.position === undefined || (head !== undefined && this.isBehind(stream, head));
    } catch (error) {
      this.#options.logger.debug("Where a stream stands can't be read", { stream, error: messageOf(error) });
    }
    if (isBehind && this.#tails.get(stream) === tail) this.#missed(stream, tail);
  }

  #repair(stream: string, tail: Tail, found?: Publication): void {
    tail.waiting = found === undefined ? [] : [found];
    tail.waitingLength = 0;
    this.#toRepair.push(stream);
    this.#repairNext();
  }

  #repairNext(): void {
    while (this.#repairs < MOST_REPAIRS) {
      const stream = this.#toRepair.shift();
      if (stream === undefined) return;
      const tail = this.#tails.get(stream);
      if (tail?.waiting === undefined) continue;
      this.#repairs++;
      void this.#mend(stream, tail).finally(() => {
        this.#repairs--;
        this.#repairNext();
      });
    }
  }

  /** Closes the gap of a stream, however long its history can't be read. */
  async #mend(stream: string, tail: Tail): Promise<void> {
    for (let failures = 0, readings = 0; this.#tails.get(stream) === tail;) {
      tail.isDoubtful = false;
      const arrived = tail.waiting?.[0];
      try {
        const missing = await this.#missing(stream, tail);
        if (this.#tails.get(stream) !== tail) return;
        if (missing.status === "gone") return this.#giveUp(stream, tail, missing.why);
        failures = 0;
        if (this.#catchUp(stream, tail, missing)) return;
        readings = arrived !== undefined && arrived === tail.waiting?.[0] ? readings + 1 : 0;
        if (readings === MOST_READINGS) this.#forgetPosition(stream, tail);
        else if (readings > 0) await this.#pause(backoffMs(readings - 1, this.#options.random));
      } catch (error) {
        this.#options.logger.debug("Missed publications can't be read; trying on", { stream, error: messageOf(error) });
        await this.#pause(backoffMs(failures++, this.#options.random));
      }
    }
  }

  /** What comes after the tail. Where that is unknown it is everything since there are listeners: some of it may be a second older. */
  async #missing(stream: string, { position, openedAtSecond }: Tail): Promise<HistoryAnswer> {
    const { history } = this.#options;
    if (position === undefined) return history.since(stream, openedAtSecond, true);
    if (position !== "none") return history.after(stream, position);
    // What was published to it meanwhile may be gone, with all that could tell: only a history that has lost nothing can say that there was nothing.
    const nowSecond = Math.floor(this.#options.clock.nowMs() / 1_000);
    const whole = await history.since(stream, Math.max(openedAtSecond, nowSecond - LONGEST_OUTAGE_SECONDS), true);
    if (whole.status === "gone" || whole.head === undefined) return whole;
    return history.after(stream, { epoch: whole.head.epoch, offset: 0 });
  }

  /** Delivers what was missing, then what came meanwhile. True when the stream goes on; false: there is another gap. */
  #catchUp(stream: string, tail: Tail, { publications, head }: Extract<HistoryAnswer, { readonly status: "complete" }>): boolean {
    const { metrics, logger, clock } = this.#options;
    if (publications.length > 0) {
      metrics.counters.missed_publications_total += publications.length;
      const fields = { stream, publications: publications.length };
      if (tail.isNew) logger.debug("A stream's first publications were read from the history", fields);
      else logger.info("Missed publications were read from the history", fields);
    }
    const receivedAtMs = clock.monotonicMs();
    for (const publication of publications) this.#goesOn(tail, { ...publication, receivedAtMs });
    tail.position ??= head ?? "none";
    const waiting = tail.waiting ?? [];
    for (let at = 0; at < waiting.length; at++) {
      if (this.#goesOn(tail, waiting[at]!)) continue;
      tail.waiting = waiting.slice(at);
      return false;
    }
    tail.waiting = [];
    tail.waitingLength = 0;
    if (tail.isDoubtful) return false;
    tail.waiting = undefined;
    return true;
  }

  /** Of what waits first. */
  #forgetPosition(stream: string, { waiting = [] }: Tail): void {
    waiting[0] = { ...waiting[0]!, position: undefined };
    this.#options.metrics.counters.failed_pubsub_msg_total++;
    this.#tellForeign(stream);
  }

  #giveUp(stream: string, tail: Tail, why: string): void {
    tail.waiting = undefined;
    this.#options.metrics.counters.missed_streams_total++;
    this.#options.logger.warn("Publications of a stream were missed and can't be read: its listeners are disconnected, to come back", {
      stream,
      why,
    });
    this.#options.lost(stream);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(delayMs, resolve));
  }
}
