import type { HistoryAnswer, StreamHistory } from "../broker/broker.ts";
import { closings } from "../close-codes.ts";
import { encodeOnce } from "../hub/encode-once.ts";
import { messageOf as wireMessageOf, type Hub } from "../hub/hub.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { HistoryRequest } from "../protocols/messages.ts";
import type { Publication, StreamPosition } from "../publications/publication.ts";
import type { Encoding } from "../session/encoding.ts";
import { Hold } from "../session/hold.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { Frame } from "../transports/transport.ts";

export interface ReplayOptions {
  readonly history: StreamHistory;
  /** Asked for late: the hub is made with what this belongs to. */
  readonly hub: () => Hub;
  /** Where a stream stands on this node; undefined: unknown, or nothing was published. */
  readonly position: (stream: string) => StreamPosition | undefined;
  /** Whether listeners here have still to hear something up to `head`. */
  readonly isBehind: (stream: string, head: StreamPosition) => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One stream of an answer. */
interface Part {
  readonly stream: string;
  readonly hold: Hold;
  readonly read: () => HistoryAnswer | Promise<HistoryAnswer>;
  answer: HistoryAnswer;
}

const NOTHING: HistoryAnswer = { status: "complete", publications: [], head: undefined };

/**
 * Gives clients what they missed: all of it and in order, before anything newer, or a plain refusal. A stream is held back from the
 * subscription from the moment when `hold` is called until its backlog stands in the outbox.
 */
export class Replay {
  readonly #options: ReplayOptions;
  /** Clients that come back together ask for the same: what was encoded in this turn, by identifier. */
  #encoded: Map<string, Map<Publication, (encoding: Encoding) => Frame>> | undefined;

  /** An answer waits until what was held back without being asked for is sent. */
  readonly #lettingGo = new WeakMap<Subscription, Promise<void>>();

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** A hold for a stream that the subscription is going to hear; undefined when nothing of it is kept, so that nothing is to come first. */
  newHold(subscription: Subscription, stream: string, isAsked: boolean): Hold | undefined {
    if (!this.#options.history.keeps(stream)) return undefined;
    const hold = new Hold(this.#options.position(stream), isAsked);
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
    if (refusal !== undefined) {
      this.#options.metrics.counters.history_rejected_total++;
      this.#options.logger.debug("History rejected", { sid: session.sid, identifier: subscription.identifier, ...refusal });
      session.send({ type: "reject_history", identifier: subscription.identifier });
      const overflowed = parts.filter(({ hold }) => hold.isOverflowed).map(({ stream, hold }) => this.#continuation(stream, hold));
      if (overflowed.length > 0 && !(await this.#readOn(session, subscription, overflowed))) return;
      this.#finish(session, subscription, parts, "without backlog");
      return;
    }
    if (!(await this.#send(session, subscription, parts))) return;
    session.send({ type: "confirm_history", identifier: subscription.identifier });
    this.#finish(session, subscription, parts, "with backlog");
  }

  /** The client had its chance to ask for this subscription's backlog: what was held back is sent as it came. */
  letGo(session: Session, subscription: Subscription): void {
    const isHeld = [...(subscription.holds?.values() ?? [])].some(({ isAsked }) => !isAsked);
    if (isHeld) this.#lettingGo.set(subscription, this.#letGo(session, subscription));
  }

  async #letGo(session: Session, subscription: Subscription): Promise<void> {
    const unasked = [...(subscription.holds ?? [])].filter(([, hold]) => !hold.isAsked);
    const parts = unasked.map(([stream, hold]) => this.#continuation(stream, hold));
    for (const { stream } of parts) (subscription.late ??= new Set()).add(stream);
    // Only what did not fit into the hold has to be read.
    const overflowed = parts.filter(({ hold }) => hold.isOverflowed);
    if (overflowed.length > 0 && !(await this.#readOn(session, subscription, overflowed))) return;
    this.#finish(session, subscription, parts, "with backlog");
  }

  #part(session: Session, subscription: Subscription, stream: string, request: HistoryRequest): Part {
    const { history } = this.#options;
    const hold = this.#heldFor(session, subscription, stream);
    const position = request.streams.get(stream);
    const isLate = subscription.late?.has(stream) === true;
    const read = (): HistoryAnswer | Promise<HistoryAnswer> => {
      if (position === undefined && request.since === 0) return NOTHING;
      if (!history.keeps(stream)) return { status: "gone", why: "nothing of this stream is kept" };
      if (position === undefined) return history.since(stream, request.since, session.isReturning);
      return isLate ? { status: "gone", why: "asked too late: newer messages were sent already" } : history.after(stream, position);
    };
    return { stream, hold, read, answer: NOTHING };
  }

  /** What goes on where a hold began. */
  #continuation(stream: string, hold: Hold): Part {
    const { startedAt } = hold;
    const gone: HistoryAnswer = { status: "gone", why: "where the stream stood is not known" };
    return { stream, hold, read: () => (startedAt ? this.#options.history.after(stream, startedAt) : gone), answer: NOTHING };
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
  async #readAll(parts: readonly Part[]): Promise<{ readonly stream: string; readonly why: string } | undefined> {
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

  /** Puts all that was read into the outbox, and what was published meanwhile and did not fit into the holds. False: the session is over. */
  async #send(session: Session, subscription: Subscription, parts: readonly Part[]): Promise<boolean> {
    for (const part of parts) if (!(await this.#sendPart(session, subscription, part))) return false;
    const overflowed = parts.filter(({ hold }) => hold.isOverflowed);
    return overflowed.length === 0 || this.#readOn(session, subscription, overflowed);
  }

  async #sendPart(session: Session, subscription: Subscription, { answer }: Part): Promise<boolean> {
    if (answer.status === "gone") return false;
    for (const publication of answer.publications) {
      // As the socket takes it: a backlog is no reason to count the client as slow.
      while (session.isStalled && session.isOpen) await session.drainedOrOver();
      if (!session.isOpen) return false;
      session.push(this.#frame(publication, subscription.identifier, session.encoding));
    }
    return session.isOpen;
  }

  /** Goes on reading behind what was sent, until nothing has overflowed. When that can't be had, the client has to come back. */
  async #readOn(session: Session, subscription: Subscription, overflowed: readonly Part[]): Promise<boolean> {
    const parts = overflowed.map((part): Part => {
      const sent = part.answer.status === "complete" ? part.answer.head : undefined;
      if (sent !== undefined) return { ...part, read: () => this.#options.history.after(part.stream, sent) };
      return part.answer === NOTHING ? this.#continuation(part.stream, part.hold) : part;
    });
    for (const { hold } of parts) hold.restart();
    const refusal = await this.#readAll(parts);
    if (!session.isOpen) return false;
    if (refusal !== undefined) {
      this.#options.logger.info("A client's backlog can't be continued: it is disconnected, to come back", {
        sid: session.sid,
        ...refusal,
      });
      session.close(closings.missedMessages);
      return false;
    }
    for (const [at, part] of parts.entries()) overflowed[at]!.answer = part.answer;
    return this.#send(session, subscription, parts);
  }

  /** Ends the holds: what waits is sent, without what the backlog has shown. */
  #finish(session: Session, subscription: Subscription, parts: readonly Part[], how: "with backlog" | "without backlog"): void {
    if (!session.isOpen) return;
    const { isBehind } = this.#options;
    const hub = this.#options.hub();
    for (const { stream, hold, answer } of parts) {
      if (subscription.holds?.get(stream) !== hold) continue;
      subscription.holds.delete(stream);
      const shown = how === "with backlog" && answer.status === "complete" ? answer.head : undefined;
      const release = (): void => hub.release(session, subscription, stream);
      hold.finish(shown, { push: (frame) => session.push(frame), passed: release });
      if (shown === undefined || !isBehind(stream, shown)) release();
    }
    if (subscription.holds?.size === 0) subscription.holds = undefined;
  }

  #frame(publication: Publication, identifier: string, encoding: Encoding): Frame {
    if (this.#encoded === undefined) {
      this.#encoded = new Map();
      setImmediate(() => (this.#encoded = undefined));
    }
    let ofIdentifier = this.#encoded.get(identifier);
    if (ofIdentifier === undefined) this.#encoded.set(identifier, (ofIdentifier = new Map()));
    let frameFor = ofIdentifier.get(publication);
    if (frameFor === undefined) ofIdentifier.set(publication, (frameFor = encodeOnce(wireMessageOf(publication, identifier))));
    return frameFor(encoding);
  }
}
