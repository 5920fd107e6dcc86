import { closings, type Closing } from "../close-codes.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { DisconnectCommand, Publication } from "../publications/publication.ts";
import type { Flusher } from "../session/flusher.ts";
import type { Hold } from "../session/hold.ts";
import type { Session } from "../session/session.ts";
import { Subscription } from "../session/subscriptions.ts";
import { encodeOnce } from "./encode-once.ts";
import { StreamIndex } from "./stream-index.ts";

/** Who is told when a stream gets its first listener here, or loses its last. */
export interface StreamInterest {
  /** Resolves when what is published from then on arrives; at once where that can't be had now. */
  subscribe(stream: string): Promise<void> | void;
  unsubscribe(stream: string): void;
}

/** Who hears what, on this node. Delivery is synchronous, so what is delivered one after another is heard in that order. */
export class Hub {
  readonly #streams = new StreamIndex<Session, Hold>();
  /** Streams that have listeners already, but whose publications don't arrive yet. */
  readonly #opening = new Map<string, Promise<void>>();
  /** Connection identifiers → their sessions. */
  readonly #clients = new Map<string, Set<Session>>();
  readonly #interest: StreamInterest;
  readonly #flusher: Flusher;
  readonly #metrics: Metrics;
  #size = 0;

  constructor(interest: StreamInterest, flusher: Flusher, metrics: Metrics) {
    this.#interest = interest;
    this.#flusher = flusher;
    this.#metrics = metrics;
    metrics.gauges.clients_num = () => this.#size;
    metrics.gauges.clients_uniq_num = () => this.#clients.size;
    metrics.gauges.broadcast_streams_num = () => this.#streams.size;
  }

  /** An accepted session. */
  add(session: Session): void {
    const sessions = this.#clients.get(session.identifiers);
    if (sessions === undefined) this.#clients.set(session.identifiers, new Set([session]));
    else sessions.add(session);
    this.#size++;
  }

  /** Takes the session out of every stream. Its subscriptions stay readable, for the Disconnect call and for coming back. */
  remove(session: Session): void {
    const sessions = this.#clients.get(session.identifiers);
    if (sessions === undefined || !sessions.delete(session)) return;
    if (sessions.size === 0) this.#clients.delete(session.identifiers);
    this.#size--;
    for (const subscription of session.subscriptions.values()) {
      for (const stream of subscription.streams) this.#remove(session, subscription, stream);
    }
  }

  subscribe(session: Session, identifier: string, isLocal: boolean): Subscription {
    const subscription = new Subscription(identifier, isLocal);
    session.subscriptions.set(identifier, subscription);
    return subscription;
  }

  unsubscribe(session: Session, subscription: Subscription): void {
    this.stopAll(session, subscription);
    session.subscriptions.delete(subscription.identifier);
  }

  /**
   * The subscription hears `stream` from now on, or, with a hold, once that is released. Resolves when publications arrive that others
   * make from then on; nothing is returned when they do already.
   */
  listen(session: Session, subscription: Subscription, stream: string, hold?: Hold): Promise<void> | void {
    if (subscription.streams.has(stream)) return;
    subscription.streams.add(stream);
    if (!this.#streams.add(stream, subscription.identifier, session, hold)) return this.#opening.get(stream);
    const opening = this.#interest.subscribe(stream);
    if (opening === undefined) return;
    const opened = opening.finally(() => {
      if (this.#opening.get(stream) === opened) this.#opening.delete(stream);
    });
    this.#opening.set(stream, opened);
    return opened;
  }

  stop(session: Session, subscription: Subscription, stream: string): void {
    subscription.holds?.delete(stream);
    subscription.late?.delete(stream);
    if (subscription.streams.delete(stream)) this.#remove(session, subscription, stream);
  }

  stopAll(session: Session, subscription: Subscription): void {
    for (const stream of subscription.streams) this.stop(session, subscription, stream);
  }

  /** Holds a stream back from a subscription that hears it. */
  hold(session: Session, subscription: Subscription, stream: string, hold: Hold): void {
    hold.follow(this.#streams.hold(stream, subscription.identifier, session, hold));
  }

  /** The subscription hears the stream as it goes. */
  release(session: Session, subscription: Subscription, stream: string): void {
    this.#streams.release(stream, subscription.identifier, session);
  }

  /** Puts the publication into the outbox of everyone here who hears its stream, once per identifier. Returns how many that were. */
  deliver(publication: Publication): number {
    this.#metrics.counters.broadcast_msg_total++;
    const groups = this.#streams.groups(publication.stream);
    if (groups === undefined) return 0;
    let receivers = 0;
    const { excludeSid } = publication;
    for (const { identifier, members, held } of groups.values()) {
      const frameFor = encodeOnce(messageOf(publication, identifier));
      receivers += members.size;
      for (const session of members) {
        if (session.sid === excludeSid) receivers--;
        else session.push(frameFor(session.encoding));
      }
      if (held === undefined) continue;
      for (const [session, hold] of held) {
        if (session.sid !== excludeSid) hold.take(frameFor(session.encoding), publication.position);
      }
    }
    this.#flusher.observe(publication.receivedAtMs);
    return receivers;
  }

  /** Carries out what the application wants done to its clients here. */
  execute(command: DisconnectCommand): void {
    this.#metrics.counters.broadcast_msg_total++;
    this.#metrics.counters.remote_commands_total++;
    const sessions = this.#clients.get(command.identifiers);
    if (sessions === undefined) return;
    const closing = { ...closings.remote, notice: { reason: "remote", reconnect: command.reconnect } };
    for (const session of sessions) session.close(closing);
  }

  /** Ends the sessions of everyone who hears `stream`. */
  closeListeners(stream: string, closing: Closing): void {
    const groups = this.#streams.groups(stream);
    if (groups === undefined) return;
    // Closing takes them out of the very maps that are gone through.
    const sessions = new Set([...groups.values()].flatMap(({ members, held }) => [...members, ...(held?.keys() ?? [])]));
    for (const session of sessions) session.close(closing);
  }

  #remove(session: Session, subscription: Subscription, stream: string): void {
    if (!this.#streams.remove(stream, subscription.identifier, session)) return;
    this.#opening.delete(stream);
    this.#interest.unsubscribe(stream);
  }
}

/** What a subscription hears of a publication. */
export function messageOf(publication: Publication, identifier: string): Parameters<typeof encodeOnce>[0] {
  const { stream, json, broadcastType, position } = publication;
  if (position === undefined) return { type: "data", identifier, json, broadcastType };
  return { type: "data", identifier, json, broadcastType, position: { stream, epoch: position.epoch, offset: position.offset } };
}
