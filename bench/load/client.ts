import type { ChunkClock } from "./clock.ts";
import { fail } from "./failure.ts";
import type { Endpoint } from "./plan.ts";
import { LoadSocket, type FrameListener } from "./socket.ts";

/** Hears the data messages of one client: the bytes from `start` to `end`, valid during the call only. */
export type Hear = (bytes: Buffer, start: number, end: number) => void;

const LETTER_I = 0x69; // {"identifier": a data message
const LETTER_T = 0x74; // {"type": everything else
const LETTER_W = 0x77; // {"type":"welcome"
const LETTER_C = 0x63; // {"type":"confirm_subscription"
const LETTER_P = 0x70; // {"type":"ping", {"type":"pong"
const LETTER_O = 0x6f;

/** An Action Cable client that waits for its welcome, subscribes to its identifiers one after another, and hears. */
export class CableClient implements FrameListener {
  readonly #socket: LoadSocket;
  readonly #identifiers: readonly string[];
  readonly #hear: Hear;
  readonly #subscribed: () => void;
  #ponged: () => void = () => fail("a pong that nobody asked for");
  #confirmed = 0;
  pings = 0;

  /** `subscribed` is called when the last identifier is confirmed; with no identifier, at the welcome. */
  constructor(endpoint: Endpoint, clock: ChunkClock, identifiers: readonly string[], hear: Hear, subscribed: () => void) {
    this.#identifiers = identifiers;
    this.#hear = hear;
    this.#subscribed = subscribed;
    this.#socket = new LoadSocket(endpoint, clock, this);
  }

  text(bytes: Buffer, start: number, end: number): void {
    if (bytes[start + 2] === LETTER_I) this.#hear(bytes, start, end);
    else this.#control(bytes, start, end);
  }

  ended(reason: string): void {
    fail(`a client lost its connection: ${reason}`);
  }

  /** Performs an action: `data` is the JSON text that the channel gets. */
  perform(identifier: string, data: string): void {
    this.#socket.send(JSON.stringify({ command: "message", identifier, data }));
  }

  /** Asks the server for a pong; `ponged` is called when it comes. */
  ping(ponged: () => void): void {
    this.#ponged = ponged;
    this.#socket.send('{"command":"ping"}');
  }

  get receivedBytes(): number {
    return this.#socket.receivedBytes;
  }

  drop(): void {
    this.#socket.drop();
  }

  #control(bytes: Buffer, start: number, end: number): void {
    const kind = bytes[start + 2] === LETTER_T ? bytes[start + 9] : undefined;
    if (kind === LETTER_P) {
      if (bytes[start + 10] === LETTER_O) this.#ponged();
      else this.pings += 1;
    } else if (kind === LETTER_W) {
      this.#subscribeNext();
    } else if (kind === LETTER_C) {
      this.#confirmed += 1;
      this.#subscribeNext();
    } else {
      fail(`the server said ${bytes.toString("utf8", start, end)}`);
    }
  }

  #subscribeNext(): void {
    const identifier = this.#identifiers[this.#confirmed];
    if (identifier === undefined) this.#subscribed();
    else this.#socket.send(JSON.stringify({ command: "subscribe", identifier }));
  }
}

/** Connects clients number 0 to `count - 1`, at most `atOnce` under way at a time, and ends when all are subscribed. */
export function connectClients(
  count: number,
  atOnce: number,
  open: (index: number, subscribed: () => void) => CableClient,
): Promise<CableClient[]> {
  if (count === 0) return Promise.resolve([]);
  return new Promise((resolve) => {
    const clients: CableClient[] = [];
    let ready = 0;
    const next = (): void => {
      if (clients.length < count) clients.push(open(clients.length, subscribed));
    };
    const subscribed = (): void => {
      ready += 1;
      if (ready === count) resolve(clients);
      else next();
    };
    for (let i = 0; i < Math.min(atOnce, count); i += 1) next();
  });
}
