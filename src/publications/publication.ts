import type { TraceContext } from "../internal/trace-context.ts";

/** Where a publication stands in the history of its stream. */
export interface StreamPosition {
  /** Opaque; positions of different epochs can't be compared. */
  readonly epoch: string;
  /** From 1, consecutive within an epoch. */
  readonly offset: number;
}

/** What an application (or a whispering client) wants the subscribers of a stream to hear. */
export interface Publication {
  readonly stream: string;
  /** Valid JSON text, embedded into the client's message as it is. */
  readonly json: string;
  /** The session, by sid, that must not hear it: the one that caused it. */
  readonly excludeSid: string | undefined;
  /** Becomes the `type` of the client's message; set for presence events. */
  readonly broadcastType: string | undefined;
  /** Not to be kept in history. */
  readonly isTransient: boolean;
  /** Clock.monotonicMs when it reached this node, for the latency histogram. */
  readonly receivedAtMs: number;
  /** Where it stands in its stream's history; absent while it has not been stored, or when it is not to be. */
  readonly position?: StreamPosition | undefined;
  /** Where in a trace it was published, when somebody said so. */
  readonly trace?: TraceContext | undefined;
}

/** What is to be done to connections, on every node. */
export type RemoteCommand = DisconnectCommand | SupersedeCommand;

/** What an application wants done. */
export interface DisconnectCommand {
  readonly command: "disconnect";
  /** Connection identifiers, as the application returned them from Connect. */
  readonly identifiers: string;
  readonly reconnect: boolean;
}

/** Between nodes only: the client of this session goes on with another connection, so the old one ends without a word to anybody. */
export interface SupersedeCommand {
  readonly command: "supersede";
  readonly sid: string;
}

/** A command that this version does not know: counted, otherwise ignored. */
export interface UnknownCommand {
  readonly command: "unknown";
  /** What the application called it. */
  readonly name: string;
}

/** One thing that an application says: a publication has a `stream`, the others have a `command`. */
export type Broadcast = Publication | DisconnectCommand | UnknownCommand;
