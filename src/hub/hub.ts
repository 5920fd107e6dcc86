import { closings } from "../close-codes.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Publication, RemoteCommand } from "../publications/publication.ts";
import type { Flusher } from "../session/flusher.ts";
import type { Session } from "../session/session.ts";
import { Subscription } from "../session/subscriptions.ts";
import { encodeOnce } from "./encode-once.ts";
import { StreamIndex } from "./stream-index.ts";

/** Who is told when a stream gets its first listener here, or loses its last. */
export interface StreamInterest {
  subscribe(stream: string): void;
  unsubscribe(stream: string): void;
}

/** Who hears what, on this node. Everything is synchronous, so what is delivered one after another is heard in that order. */
export class Hub {
  readonly #streams = new StreamIndex<Session>();
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

  /** Takes the session out of every stream. Its subscriptions stay readable, for the Disconnect call. */
  remove(session: Session): void {
    const sessions = this.#clients.get(session.identifiers);
    if (sessions === undefined || !sessions.delete(session)) return;
    if (sessions.size === 0) this.#clients.delete(session.identifiers);
    this.#size--;
    for (const subscription of session.subscriptions.values()) this.stopAll(session, subscription);
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

  /** The subscription hears `stream` from now on. */
  listen(session: Session, subscription: Subscription, stream: string): void {
    if (subscription.streams.has(stream)) return;
    subscription.streams.add(stream);
    if (this.#streams.add(stream, subscription.identifier, session)) this.#interest.subscribe(stream);
  }

  stop(session: Session, subscription: Subscription, stream: string): void {
    if (!subscription.streams.delete(stream)) return;
    if (this.#streams.remove(stream, subscription.identifier, session)) this.#interest.unsubscribe(stream);
  }

  stopAll(session: Session, subscription: Subscription): void {
    for (const stream of subscription.streams) this.stop(session, subscription, stream);
  }

  /** Puts the publication into the outbox of everyone here who hears its stream, once per identifier. Returns how many that were. */
  deliver(publication: Publication): number {
    this.#metrics.counters.broadcast_msg_total++;
    const groups = this.#streams.groups(publication.stream);
    if (groups === undefined) return 0;
    let receivers = 0;
    const { json, broadcastType, excludeSid } = publication;
    for (const { identifier, members } of groups.values()) {
      const frameFor = encodeOnce({ type: "data", identifier, json, broadcastType });
      receivers += members.size;
      for (const session of members) {
        if (session.sid === excludeSid) receivers--;
        else session.push(frameFor(session.encoding));
      }
    }
    this.#flusher.observe(publication.receivedAtMs);
    return receivers;
  }

  /** Carries out what the application wants done to its clients here. */
  execute(command: RemoteCommand): void {
    this.#metrics.counters.broadcast_msg_total++;
    this.#metrics.counters.remote_commands_total++;
    if (command.command === "supersede") return;
    const sessions = this.#clients.get(command.identifiers);
    if (sessions === undefined) return;
    const closing = { ...closings.remote, notice: { reason: "remote", reconnect: command.reconnect } };
    for (const session of sessions) session.close(closing);
  }
}
