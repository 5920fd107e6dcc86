import type { Payload } from "../../src/protocols/protocol.ts";
import type { Accept, Connection, ConnectionListener, Framing, Handshake } from "../../src/transports/transport.ts";

/** A character that no message has: JSON writes it otherwise. */
const PING = "\u0005";

/** A message a line. */
const lineFraming: Framing = {
  ping: { bytes: Buffer.from(`${PING}\n`), payloadBytes: 0, isPing: true },
  frame(payload: Payload) {
    const bytes = Buffer.from(`${String(payload)}\n`);
    return { bytes, payloadBytes: bytes.length - 1 };
  },
};

/** Whose end of the wire it is. */
export interface Peer {
  /** A message of the server's, as it is read. */
  read(text: string): void;
  /** Its network has answered a ping, whatever else it does. */
  answeredPing(): void;
  /** The server has closed. */
  closed(code: number): void;
  /** The server did what no connection allows. */
  broke(why: string): void;
}

/**
 * A connection whose network is in the hands of the test: it takes what is written or does not, the peer reads or does not, and either end
 * may go without a word. What the peer says reaches the server in `step` only.
 */
export class ModelConnection implements Connection {
  readonly framing: Framing = lineFraming;
  /** The network takes nothing. */
  isStalled = false;
  /** What arrives is not read. */
  isLagging = false;
  /** Goes up with everything that happens here. */
  activity = 0;
  readonly #peer: Peer;
  #listener: ConnectionListener | undefined;
  /** A write that is not finished. */
  #unfinished: readonly Buffer[] | undefined;
  /** What has arrived and is not read. */
  #arrived: Buffer[] = [];
  #upstream: string[] = [];
  #isPaused = false;
  /** A ping has arrived at the peer. */
  #owesAlive = false;
  /** The server's end, to be told in the next step. */
  #ending: { readonly code: number; readonly clean: boolean } | undefined;
  /** The peer has gone, and the server may not know. */
  #isAbandoned = false;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  connect(accept: Accept, handshake: Handshake): void {
    this.#listener = accept(this, handshake);
  }

  get isOver(): boolean {
    return this.#listener === undefined;
  }

  // What the server does.

  write(chunks: readonly Buffer[]): boolean {
    this.activity++;
    if (this.#unfinished !== undefined) this.#peer.broke("wrote before the last write had left");
    if (this.#ending !== undefined || this.isOver) return true;
    if (this.isStalled) {
      this.#unfinished = chunks;
      return false;
    }
    this.#arrive(chunks);
    return true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  close(code: number): void {
    this.activity++;
    this.#ending ??= { code, clean: !this.#isAbandoned };
  }

  destroy(): void {
    this.activity++;
    this.#ending ??= { code: 1006, clean: false };
  }

  // What the peer does.

  say(text: string): void {
    if (!this.#isAbandoned && !this.isOver) this.#upstream.push(text);
  }

  /** Reads all that has arrived, from now on as it comes. */
  catchUp(): void {
    this.isLagging = false;
    this.#read();
  }

  /** Goes without a word. Of what is on its way this share, 0 to 1, is read before. */
  abandon(share: number): void {
    if (this.#isAbandoned || this.isOver) return;
    const bytes = Buffer.concat([...this.#arrived, ...(this.#unfinished ?? [])]);
    this.#arrived = [bytes.subarray(0, Math.round(bytes.length * share))];
    this.isLagging = false;
    this.#read();
    this.#arrived = [];
    this.#upstream = [];
    this.#isAbandoned = true;
  }

  /** The server notices the end: with a goodbye, or without. */
  end(code: number, clean: boolean): void {
    this.#ending ??= { code, clean };
    this.#tellEnd();
  }

  // What the network does.

  /** It takes the write that is unfinished. */
  drain(): void {
    const chunks = this.#unfinished;
    if (chunks === undefined) return;
    this.#unfinished = undefined;
    this.#arrive(chunks);
    this.#listener?.drained();
  }

  /** Brings to the server what the peer said, and back what the server decided. Returns whether there was anything. */
  step(): boolean {
    const listener = this.#listener;
    if (listener === undefined) return false;
    const { activity } = this;
    while (!this.#isPaused && this.#ending === undefined) {
      const text = this.#upstream.shift();
      if (text === undefined) break;
      this.activity++;
      listener.received(text);
    }
    if (this.#owesAlive && !this.#isAbandoned) {
      this.#owesAlive = false;
      this.activity++;
      this.#peer.answeredPing();
      listener.alive();
    }
    this.#tellEnd();
    return this.activity !== activity;
  }

  #tellEnd(): void {
    const ending = this.#ending;
    const listener = this.#listener;
    if (ending === undefined || listener === undefined) return;
    this.activity++;
    this.#listener = undefined;
    this.#unfinished = undefined;
    if (!this.#isAbandoned) {
      this.catchUp();
      this.#peer.closed(ending.code);
    }
    listener.closed(ending);
  }

  #arrive(chunks: readonly Buffer[]): void {
    this.activity++;
    if (this.#isAbandoned) return;
    this.#owesAlive ||= chunks.some((chunk) => chunk.includes(PING));
    this.#arrived.push(...chunks);
    if (!this.isLagging) this.#read();
  }

  #read(): void {
    const bytes = this.#arrived.length === 1 ? this.#arrived[0]! : Buffer.concat(this.#arrived);
    const end = bytes.lastIndexOf(10) + 1;
    this.#arrived = end === bytes.length ? [] : [bytes.subarray(end)];
    if (end === 0) return;
    for (const line of bytes.toString("utf8", 0, end - 1).split("\n")) if (line !== PING) this.#peer.read(line);
  }
}
