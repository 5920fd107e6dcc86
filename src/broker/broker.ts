import type { RemoteState } from "../lifecycle.ts";
import type { Publication, StreamPosition } from "../publications/publication.ts";
import type { Pubsub, PubsubSink } from "../pubsub/pubsub.ts";

/**
 * PORT: what outlives one delivery. A broker has up to three stores; one that it can't offer is absent, and what depends on it is refused
 * plainly. Where a method may answer at once or later, `Awaitable`, adapters that can SHOULD answer at once: order and speed profit.
 */
export interface Broker {
  readonly name: string;
  readonly history?: StreamHistory | undefined;
  readonly sessions?: SessionStore | undefined;
  readonly presence?: PresenceStore | undefined;
  /** What its history passes publications on over, which then has to be the server's pubsub. Absent: any will do. */
  readonly passesOnOver?: Pubsub | undefined;
  /**
   * Begins to connect; MUST NOT wait for a remote store to be there: it is tried in the background for ever.
   * `listener` hears of what happens in the stores.
   */
  start(listener: BrokerListener): Promise<void>;
  stop(): Promise<void>;
  /** For the readiness page. Absent = can't be away. */
  state?(): RemoteState;
}

export type Awaitable<T> = T | Promise<T>;

/** Neither member throws. */
export interface BrokerListener extends PubsubSink {
  /** The last session with this id is gone from the stream's presence set because its time was up. Told on one node of the cluster. */
  expired(stream: string, id: string): void;
}

/**
 * PORT: what was published lately, per stream. Offsets of one epoch are consecutive, from 1. An epoch ends whenever acknowledged positions
 * may have been lost, or would be given out again.
 */
export interface StreamHistory {
  /**
   * `cluster`: one store for all nodes. A publication gets its position from `append` before it is passed on, and all nodes see the same.
   * `node`: each node keeps for itself what it hears, so `append` is called with what arrives; positions mean something on this node only.
   */
  readonly scope: "cluster" | "node";
  /**
   * True when `append` passes the publication on as well, in one step with storing it and in the order of offsets: on every node that
   * follows its stream it arrives at `BrokerListener.deliver`, with its position. False: the caller passes it on over the pubsub.
   */
  readonly passesOn: boolean;
  /** Whether publications of this stream are kept at all. Those of others have no position, and are passed on over the pubsub. */
  keeps(stream: string): boolean;
  /**
   * Stores a publication, whose `position` the answer is. Resolves once it can't be lost any more, as far as the store promises that.
   * @throws {CableError} `publication.unavailable`: not stored, not passed on; the publisher may try again.
   */
  append(publication: Publication): Awaitable<StreamPosition>;
  /** Position of the newest publication; undefined when the stream has none that is remembered. @throws {CableError} `broker.unavailable` */
  head(stream: string): Awaitable<StreamPosition | undefined>;
  /** Everything after `position`. @throws {CableError} `broker.unavailable` */
  after(stream: string, position: StreamPosition): Awaitable<HistoryAnswer>;
  /**
   * Everything published in this second (Unix time) or later. `isReturning`: the client was connected to some node before, so what was
   * lost with an earlier incarnation of the store counts as missing too. @throws {CableError} `broker.unavailable`
   */
  since(stream: string, second: number, isReturning: boolean): Awaitable<HistoryAnswer>;
  /**
   * Somebody here listens to `stream` from now on, or nobody any more: where `passesOn` is true this asks for its publications and resolves
   * as `Pubsub.subscribe` does; adapters may also use it to keep what is in use. Called once for the first listener and after the last.
   */
  follow?(stream: string): Awaitable<void>;
  unfollow?(stream: string): void;
  /**
   * Scope `node`: for how long, in ms, a stream has to be listened to after its last listener left, so that who comes back finds what was
   * said meanwhile. Absent: publications arrive whether somebody listens or not.
   */
  readonly lingerMs?: number | undefined;
  /** Scope `node`: what other nodes published lately may not have arrived here, so positions up to now prove nothing any more. */
  missed?(): void;
}

export type HistoryAnswer =
  /** Nothing is missing: `publications`, in order and each with its position, and `head`, the position up to which they reach. */
  | { readonly status: "complete"; readonly publications: readonly Publication[]; readonly head: StreamPosition | undefined }
  /** Something is missing, or it can't be known. `why` is for the log. */
  | { readonly status: "gone"; readonly why: string };

/** What is needed to go on with a client on another connection. Plain JSON, with short keys kept by the adapters' business. */
export interface StoredSession {
  /** Connection identifiers. */
  readonly identifiers: string;
  /** The identifiers came from credentials (a token): whoever restores the session must prove the same. */
  readonly isProven: boolean;
  /** Whether the application is to be told when the session ends. */
  readonly wantsDisconnect: boolean;
  readonly cstate: Readonly<Record<string, string>>;
  readonly subscriptions: readonly StoredSubscription[];
  /** The node that had its connection knows that this is over, so nobody has to be told to end it. Default false. */
  readonly hasLeft?: boolean;
}

export interface StoredSubscription {
  readonly identifier: string;
  /** Answered here, without the application. */
  readonly isLocal: boolean;
  readonly streams: readonly string[];
  readonly istate: Readonly<Record<string, string>>;
  /** What the client is present as, with `info` as JSON text. */
  readonly presence?: { readonly id: string; readonly info: string } | undefined;
}

/** A session that can be restored. */
export interface Restorable {
  readonly sid: string;
  snapshot(): StoredSession;
}

/**
 * PORT: sessions of clients that may come back. An entry belongs to one connection: whoever takes it has it alone. Calls about one sid take
 * effect in the order in which they were made. Failures are logged and counted by the adapter: a session that can't be stored is one that
 * can't be restored, no more.
 */
export interface SessionStore {
  /** How long an entry is kept after the last sign of its session, ms. */
  readonly ttlMs: number;
  /** Stores the session as it is now: at first, and after each change. MUST NOT bring back an entry that was taken or forgotten. */
  save(session: Restorable): void;
  /** These sessions are alive: called for all of this node, more often than twice in `ttlMs`. */
  extend(sids: readonly string[]): void;
  /** The connection is gone; the entry, as the session is now, is kept for `ttlMs` from now. */
  leave(session: Restorable): void;
  /** The session ended for good. */
  forget(sid: string): void;
  /**
   * Takes the entry out, atomically, if `accepts` likes it; undefined when there is none, or somebody else was faster, or it is not liked.
   * @throws {CableError} `broker.unavailable`
   */
  take(sid: string, accepts: (stored: StoredSession) => boolean): Awaitable<StoredSession | undefined>;
  /** Whether the entry was taken within the last `ttlMs`. @throws {CableError} `broker.unavailable` */
  wasTaken(sid: string): Awaitable<boolean>;
}

/** A session that is present in a stream as somebody. */
export interface PresenceMember {
  readonly stream: string;
  readonly sid: string;
  /** Who: several sessions may have the same id, and count once. */
  readonly id: string;
  /** What others get to see, JSON text. */
  readonly info: string;
}

export interface PresenceInfo {
  /** How many ids. */
  readonly total: number;
  /** In the order in which they joined, as far as the store knows it. Absent when they were not asked for. */
  readonly records?: readonly { readonly id: string; readonly info: string }[] | undefined;
}

/** PORT: who is there, per stream. All methods throw {CableError} `broker.unavailable` when the store can't be asked now. */
export interface PresenceStore {
  /** How long a session that shows no sign of life stays present, ms. */
  readonly ttlMs: number;
  /**
   * Resolves to true when the id was not there before: the others are to be told. A later join of the same id replaces its info.
   * @throws {CableError} `command.presence_mismatch` when the session is present in this stream under another id.
   */
  join(member: PresenceMember): Awaitable<boolean>;
  /** Resolves to the id when this was its last session in the stream: the others are to be told. undefined: not, or it was not there. */
  leave(stream: string, sid: string): Awaitable<string | undefined>;
  /** These are alive: called for all of this node, more often than twice in `ttlMs`. One that the store has lost is put back, silently. */
  keep(members: readonly PresenceMember[]): Awaitable<void>;
  /** Without records only counted, which MUST NOT load the set. */
  info(stream: string, withRecords: boolean): Awaitable<PresenceInfo>;
}
