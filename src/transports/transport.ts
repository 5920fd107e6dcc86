import type { Routes } from "../http/routes.ts";
import type { Payload } from "../protocols/protocol.ts";

/**
 * PORT: how clients reach us. A transport turns whatever travels on the network into a Connection, and hands it with its Handshake to
 * `accept`; from then on it moves bytes and nothing else. The session decides what they mean.
 */
export type Accept = (connection: Connection, handshake: Handshake) => ConnectionListener;

/** Whether a client of this address may connect now. One that may not is told so as the transport can, and never gets to `Accept`. */
export type Admits = (address: string) => boolean;

export interface Transport {
  /** Hangs its paths on `routes` and hands every connection that comes to `accept`. Without `admits` every address may connect. */
  mount(routes: Routes, accept: Accept, admits?: Admits): void;
}

/** What the client said when it came. Valid until authentication has ended; sessions copy what they need and let it go. */
export interface Handshake {
  /** Absolute URL of the request, as the application shall see it. */
  readonly url: string;
  /** Query parameters; of a repeated one the last value. `undefined` when absent. */
  param(name: string): string | undefined;
  /** Like `param`, but of a repeated one the first value. */
  firstParam(name: string): string | undefined;
  /** Request header, by lower-case name; repeated ones joined as HTTP does. */
  header(name: string): string | undefined;
  /** The peer's IP address. */
  readonly remoteAddress: string;
  /** The subprotocol agreed on; empty when the client's offer had none of ours, or there was no offer. */
  readonly protocol: string;
}

/** What of a handshake the application gets to see with each call about the client. Kept as long as the session lives. */
export interface ClientEnv {
  /** Absolute URL with query. */
  readonly url: string;
  /** Proxied headers, lower-case names, plus `REMOTE_ADDR`. */
  readonly headers: ReadonlyMap<string, string>;
}

/** One encoded message as it goes onto the wire of one kind of transport. Made once, shared by all who hear it; never changed. */
export interface Frame {
  readonly bytes: Buffer;
  /** Size of the message without framing, for the traffic counters. */
  readonly payloadBytes: number;
  /** Not counted as a message: AnyCable writes pings beside its queue, and dashboards compare. */
  readonly isPing?: true;
}

/** How a kind of transport wraps payloads. Connections with the same Framing can share frames. */
export interface Framing {
  frame(payload: Payload): Frame;
  /** Transport-level ping, where the transport has one. The answer arrives as `alive`. */
  readonly ping?: Frame;
}

/** One live client connection, as the session sees it. */
export interface Connection {
  readonly framing: Framing;
  /**
   * Hands bytes to the network, in order. Returns true when the network took all of them at once; after false, `drained` follows when it
   * has, and the session MUST NOT write before that. Does nothing once the peer has begun to close.
   */
  write(chunks: readonly Buffer[]): boolean;
  /** Stops reading from the network. What was read already may still arrive. */
  pause(): void;
  resume(): void;
  /** Says goodbye as the transport does, after everything written before; gives up waiting for the peer after a bounded time. */
  close(code: number, text: string): void;
  /** Drops the connection without a word. */
  destroy(): void;
}

export interface Ending {
  /** Close code of the peer, or of the transport's own rules; for WebSocket RFC 6455's, 1006 = the connection just broke. */
  readonly code: number;
  /** The peer took part in the goodbye. */
  readonly clean: boolean;
  /** What went wrong below the level of messages, for the log. */
  readonly fault?: string;
}

/** What a transport calls as things happen to its connection. The session implements it. None of these throws. */
export interface ConnectionListener {
  /** One whole message. */
  received(payload: Payload): void;
  /** The peer showed life below the level of messages. */
  alive(): void;
  /** Everything written has left; see Connection.write. */
  drained(): void;
  /** Called exactly once, whoever ended it. */
  closed(ending: Ending): void;
}
