import type { ChunkClock } from "./clock.ts";
import { fail } from "./failure.ts";
import { type MessageLayout, streamIdentifier, streamName } from "./hearing.ts";
import type { Endpoint } from "./plan.ts";
import { LoadSocket, type FrameListener } from "./socket.ts";

const LETTER_I = 0x69; // {"identifier": a data message
const LETTER_P = 0x70; // {"type":"ping"
const TYPE_AT = 9;

/** What went wrong for the clients of a storm. */
export interface Mishaps {
  /** Messages that came a second time, or after a later one. */
  misplaced: number;
  /** Requests for history that were rejected, sessions that were not restored. */
  refused: number;
}

interface Said {
  readonly type?: string;
  readonly sid?: string;
  readonly restored_ids?: readonly string[];
  readonly epoch?: string;
  readonly offset?: number;
}

/** A client of one stream that loses its connection, comes back with its sid, and asks for what it missed since its last message. */
export class Returner implements FrameListener {
  readonly stream: number;
  readonly #streams: number;
  readonly #endpoint: Endpoint;
  readonly #clock: ChunkClock;
  readonly #layout: MessageLayout;
  readonly #mishaps: Mishaps;
  #socket: LoadSocket | undefined;
  #sid: string | undefined;
  #position: { readonly epoch: string; readonly offset: number } | undefined;
  #isReturning = false;
  #arrived: () => void = () => {};
  #last = -1;
  /** Messages heard on this connection, each once, in order. */
  heard = 0;
  /** When it heard the last thing, as the clock has it. */
  lastAtMs = 0;

  /** Of `streams`, it hears number `stream`, whose messages are those whose number leaves that rest. */
  constructor(
    endpoint: Endpoint,
    { stream, streams }: { readonly stream: number; readonly streams: number },
    tools: { readonly clock: ChunkClock; readonly layout: MessageLayout; readonly mishaps: Mishaps },
  ) {
    this.#endpoint = endpoint;
    this.stream = stream;
    this.#streams = streams;
    this.#clock = tools.clock;
    this.#layout = tools.layout;
    this.#mishaps = tools.mishaps;
  }

  /** `arrived` is called when it is subscribed. */
  connect(arrived: () => void): void {
    this.heard = 0;
    this.#isReturning = false;
    this.#arrived = arrived;
    this.#socket = new LoadSocket(this.#endpoint, this.#clock, this);
  }

  /** `arrived` is called when its request for history is answered. */
  comeBack(arrived: () => void): void {
    this.heard = 0;
    this.#isReturning = true;
    this.#arrived = arrived;
    const { sid } = this;
    this.#socket = new LoadSocket({ ...this.#endpoint, sid }, this.#clock, this);
  }

  get sid(): string {
    return this.#sid ?? fail("a client has no sid to come back with");
  }

  drop(): void {
    this.#socket?.drop();
    this.#socket = undefined;
  }

  text(bytes: Buffer, start: number, end: number): void {
    if (bytes[start + 2] === LETTER_I) this.#heardMessage(bytes, start, end);
    else if (bytes[start + TYPE_AT] !== LETTER_P) this.#heardControl(JSON.parse(bytes.toString("utf8", start, end)) as Said);
  }

  ended(reason: string): void {
    fail(`a client lost its connection: ${reason}`);
  }

  #heardMessage(bytes: Buffer, start: number, end: number): void {
    const stream = this.#layout.stream(bytes, start, end);
    const number = this.#layout.number(bytes, start, end);
    if (stream !== this.stream || number % this.#streams !== stream) fail(`stream ${this.stream} heard ${number} of stream ${stream}`);
    this.lastAtMs = this.#clock.nowMs;
    if (number <= this.#last) {
      this.#mishaps.misplaced += 1;
      return;
    }
    this.#last = number;
    this.heard += 1;
    if (this.#isReturning) return;
    const { epoch, offset } = JSON.parse(bytes.toString("utf8", start, end)) as Said;
    if (epoch !== undefined && offset !== undefined) this.#position = { epoch, offset };
  }

  #heardControl(said: Said): void {
    this.lastAtMs = this.#clock.nowMs;
    switch (said.type) {
      case "welcome":
        return this.#welcomed(said);
      case "confirm_subscription":
        // A subscription with history is answered twice.
        if (!this.#isReturning) this.#arrived();
        return;
      case "confirm_history":
        return this.#arrived();
      case "reject_history":
        this.#mishaps.refused += 1;
        return this.#arrived();
      default:
        fail(`the server said ${JSON.stringify(said)}`);
    }
  }

  #welcomed({ sid, restored_ids: restored = [] }: Said): void {
    this.#sid = sid;
    const identifier = streamIdentifier(this.stream);
    if (!this.#isReturning) {
      this.#socket?.send(JSON.stringify({ command: "subscribe", identifier }));
      return;
    }
    const isRestored = restored.includes(identifier);
    if (!isRestored) this.#mishaps.refused += 1;
    const history = { streams: { [streamName(this.stream)]: this.#position } };
    this.#socket?.send(JSON.stringify({ command: isRestored ? "history" : "subscribe", identifier, history }));
  }
}
