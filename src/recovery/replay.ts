import type { HistoryAnswer, StreamHistory } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import { closings } from "../close-codes.ts";
import type { Hub } from "../hub/hub.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { HistoryRequest } from "../protocols/messages.ts";
import type { StreamPosition } from "../publications/publication.ts";
import { Hold } from "../session/hold.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import { EncodedBacklogs } from "./encoded-backlogs.ts";
import type { Standing } from "./tails.ts";

export interface ReplayOptions {
  readonly history: StreamHistory;
  /** Asked for late: the hub is made with what this belongs to. */
  readonly hub: () => Hub;
  /** Where a stream stands on this node. */
  readonly standing: (stream: string) => Standing;
  /** Where it stood before anything went to its listeners here. */
  readonly begunAt: (stream: string) => Standing;
  /** Whether listeners here have still to hear something up to `head`. */
  readonly isBehind: (stream: string, head: StreamPosition) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One stream of an answer. */
interface Part {
  readonly stream: string;
  readonly hold: Hold;
  readonly read: () => HistoryAnswer | Promise<HistoryAnswer>;
  /** What is to be sent next, or was sent last. */
  answer: HistoryAnswer;
}

/** Why a backlog can't be given. */
interface Refusal {
  readonly stream: string;
  readonly why: string;
}

const NOTHING: HistoryAnswer = { status: "complete", publications: [], head: undefined };

/**
 * Gives clients what they missed: all of it and in order, before anything newer, or a plain refusal. A stream is held back from the
 * subscription from the moment when `hold` is called until its backlog stands in the outbox.
 */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #encoded: EncodedBacklogs;
  /** An answer waits until what was held back without being asked for is sent. */
  readonly #lettingGo = new WeakMap<Subscription, Promise<void>>();

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#encoded = new EncodedBacklogs(options.clock);
  }

  /** A hold for a stream that the subscription is going to hear; undefined when nothing of it is kept, so that nothing is to come first. */
  newHold(subscription: Subscription, stream: string, isAsked: boolean): Hold | undefined {
    if (!this.#options.history.keeps(stream)) return undefined;
    const hold = new Hold(this.#options.standing(stream), isAsked);
    (subscription.holds ??= new Map()).set(stream, hold);
    return hold;
  }

  /** The client has asked for the backlog of everything that this subscription hears. */
  asked(session: Session, subscription: Subscription): void {
    for (const stream of subscription.streams) this.#heldFor(session, subscription, stream);
  }

  /** Answers a request for history. Never rejects for what the store or the client did. */
  async answer(session: Session, subscription: Subscription, request: HistoryRequest): Promise<void> {
    await this.#lettingGo.get(subscription);
    const parts = [...subscription.streams].map((stream) => this.#part(session, subscription, stream, request));
    const refusal = await this.#readAll(parts);
    if (!session.isOpen) return;
    if (refusal === undefined) {
      await this.#send(session, subscription, parts, () => {
        session.send({ type: "confirm_history", identifier: subscription.identifier });
      });
      return;
    }
    this.#options.metrics.counters.history_rejected_total++;
    this.#options.logger.debug("History rejected", { sid: session.sid, identifier: subscription.identifier, ...refusal });
    session.send({ type: "reject_history", identifier: subscription.identifier });
    await this.#send(
      session,
      subscription,
      parts.map(({ stream, hold }) => unread(stream, hold)),
    );
  }

  /** The client had its chance to ask for this subscription's backlog: what was held back is sent as it came. */
  letGo(session: Session, subscription: Subscription): void {
    const unasked = [...(subscription.holds ?? [])].filter(([, hold]) => !hold.isAsked);
    if (unasked.length === 0) return;
    for (const [stream] of unasked) (subscription.late ??= new Set()).add(stream);
    this.#lettingGo.set(
      subscription,
      this.#send(
        session,
        subscription,
        unasked.map(([stream, hold]) => unread(stream, hold)),
      ),
    );
  }

  #part(session: Session, subscription: Subscription, stream: string, request: HistoryRequest): Part {
    const { history } = this.#options;
    const hold = this.#heldFor(session, subscription, stream);
    const position = request.streams.get(stream);
    const isLate = subscription.late?.has(stream) === true;
    const read = (): HistoryAnswer | Promise<HistoryAnswer> => {
      if (position === undefined && request.since === 0) return NOTHING;
      if (!history.keeps(stream)) return { status: "gone", why: "nothing of this stream is kept" };
      if (position === undefined) return this.#since(stream, hold, request.since, session.isReturning);
      return isLate ? { status: "gone", why: "asked too late: newer messages were sent already" } : history.after(stream, position);
    };
    return { stream, hold, read, answer: NOTHING };
  }

  /** By the clock of a client that is fast, what is held back may be too old: it is sent all the same, from the hold. */
  async #since(stream: string, hold: Hold, second: number, isReturning: boolean): Promise<HistoryAnswer> {
    const { history } = this.#options;
    const answer = await history.since(stream, second, isReturning);
    if (answer.status === "gone" || answer.head === undefined) return answer;
    const { epoch, offset } = answer.head;
    const next = hold.nextOf(epoch, this.#options.begunAt(stream));
    const first = answer.publications[0]?.position ?? { epoch, offset: offset + 1 };
    if (next === undefined || first.offset <= next.offset) return answer;
    return { ...answer, publications: [], head: { epoch, offset: next.offset - 1 } };
  }

  #heldFor(session: Session, subscription: Subscription, stream: string): Hold {
    const held = subscription.holds?.get(stream);
    if (held !== undefined) {
      held.isAsked = true;
      return held;
    }
    const hold = this.newHold(subscription, stream, true);
    if (hold === undefined) return new Hold(undefined, true);
    this.#options.hub().hold(session, subscription, stream, hold);
    return hold;
  }

  /** Reads the backlog of all parts. Returns why it can't be given, when one of them is incomplete. */
  async #readAll(parts: readonly Part[]): Promise<Refusal | undefined> {
    const answers = await Promise.all(
      parts.map(async ({ read }): Promise<HistoryAnswer> => {
        try {
          return await read();
        } catch (error) {
          return { status: "gone", why: error instanceof Error ? error.message : String(error) };
        }
      }),
    );
    for (const [at, part] of parts.entries()) {
      const answer = answers[at]!;
      if (answer.status === "gone") return { stream: part.stream, why: answer.why };
      const conflict = answer === NOTHING ? undefined : part.hold.conflictWith(answer.head);
      if (conflict !== undefined) return { stream: part.stream, why: conflict };
      part.answer = answer;
    }
    return undefined;
  }

  /**
   * Puts into the outbox what was read, then what was published meanwhile and did not fit into the holds, then what waits in those. `told`
   * comes right behind those, before anything newer.
   */
  async #send(session: Session, subscription: Subscription, parts: readonly Part[], told?: () => void): Promise<void> {
    for (const part of parts) if (!(await this.#sendPart(session, subscription, part))) return;
    for (;;) {
      const overflowed = parts.filter(({ stream, hold }) => hold.isOverflowed && subscription.holds?.get(stream) === hold);
      if (overflowed.length === 0) break;
      if (!(await this.#readOn(session, overflowed))) return;
      for (const part of overflowed) if (!(await this.#sendPart(session, subscription, part))) return;
    }
    // In the same turn as the last look at the holds: they could overflow in between.
    if (!session.isOpen) return;
    this.#finish(session, subscription, parts);
    told?.();
  }

  /** False: the session is over. */
  async #sendPart(session: Session, subscription: Subscription, { stream, hold, answer }: Part): Promise<boolean> {
    if (answer.status === "gone") return false;
    for (const publication of answer.publications) {
      if (publication.excludeSid === session.sid) continue;
      // As the socket takes it: a backlog is no reason to count the client as slow.
      while (session.isStalled && session.isOpen) await session.drainedOrOver();
      if (!session.isOpen) return false;
      // The client has unsubscribed meanwhile.
      if (subscription.holds?.get(stream) !== hold) return true;
      session.push(this.#encoded.frame(publication, subscription.identifier, session.encoding));
    }
    return session.isOpen;
  }

  /** Reads what comes behind what was sent. When that can't be had, the client has to come back. */
  async #readOn(session: Session, parts: readonly Part[]): Promise<boolean> {
    const { history } = this.#options;
    const nexts = parts.map((part): Part => {
      const { stream, hold, answer } = part;
      const sent = (answer.status === "complete" ? answer.head : undefined) ?? hold.goesOnBehind;
      // Otherwise nothing was dropped but what is not kept.
      return sent === undefined ? part : { ...part, read: () => history.after(stream, sent) };
    });
    for (const { hold } of parts) hold.restart();
    const refusal = await this.#readAll(nexts);
    if (!session.isOpen) return false;
    if (refusal !== undefined) {
      this.#disconnect(session, refusal);
      return false;
    }
    for (const [at, part] of parts.entries()) part.answer = nexts[at]!.answer;
    return true;
  }

  #disconnect(session: Session, refusal: Refusal): void {
    if (!session.isOpen) return;
    this.#options.logger.info("A client's backlog can't be continued: it is disconnected, to come back", { sid: session.sid, ...refusal });
    session.close(closings.missedMessages);
  }

  /** Ends the holds: what waits is sent, without what was shown. */
  #finish(session: Session, subscription: Subscription, parts: readonly Part[]): void {
    const { isBehind } = this.#options;
    const hub = this.#options.hub();
    for (const { stream, hold, answer } of parts) {
      if (subscription.holds?.get(stream) !== hold) continue;
      subscription.holds.delete(stream);
      const release = (): void => hub.release(session, subscription, stream);
      hold.finish(answer.status === "complete" ? answer.head : undefined, {
        push: (frame) => session.push(frame),
        passed: release,
        missed: (why) => this.#disconnect(session, { stream, why }),
      });
      const { shown } = hold;
      if (shown === undefined || !isBehind(stream, shown)) release();
    }
    if (subscription.holds?.size === 0) subscription.holds = undefined;
  }
}

/** A stream of which nothing was asked for: only what does not fit into its hold has to be read. */
function unread(stream: string, hold: Hold): Part {
  return { stream, hold, read: () => NOTHING, answer: NOTHING };
}
