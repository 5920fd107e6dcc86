import { fail } from "./failure.ts";
import type { Ledger } from "./ledger.ts";

const DIGITS = 5;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const CLOSING_BRACE = 0x7d;

/** The identifier that subscribes to stream number `stream`. All have the same length, so that its number stands at the same place. */
export function streamIdentifier(stream: number): string {
  return JSON.stringify({ channel: "$pubsub", stream_name: streamName(stream) });
}

export function streamName(stream: number): string {
  return `s${String(stream).padStart(DIGITS, "0")}`;
}

/** Where the two numbers stand in a data message; learnt from the first one, then expected of all. */
export class MessageLayout {
  #streamAt = 0;
  #numberAt = 0;

  /** The stream that the message's identifier names. */
  stream(bytes: Buffer, start: number, end: number): number {
    if (this.#numberAt === 0) this.#learn(bytes.toString("latin1", start, end));
    let stream = 0;
    for (let at = start + this.#streamAt, k = 0; k < DIGITS; k += 1) stream = stream * 10 + (bytes[at + k] as number) - ZERO;
    return stream;
  }

  /** The publication's number in the message's body. Call `stream` first. */
  number(bytes: Buffer, start: number, end: number): number {
    let at = start + this.#numberAt;
    if (bytes[at - 1] !== COLON) return fail(`unexpected message: ${bytes.toString("utf8", start, end)}`);
    let number = 0;
    let digit = bytes[at] as number;
    while (digit >= ZERO && digit <= NINE) {
      number = number * 10 + digit - ZERO;
      at += 1;
      digit = bytes[at] as number;
    }
    if (digit !== CLOSING_BRACE || at >= end) return fail(`unexpected message: ${bytes.toString("utf8", start, end)}`);
    return number;
  }

  #learn(text: string): void {
    const stream = /stream_name\\":\\"s\d{5}\\"/.exec(text);
    // Behind it may be where the message stands in its stream.
    const number = /"n":\d+\}[},]/.exec(text);
    if (stream === null || number === null) return fail(`unexpected message: ${text}`);
    this.#streamAt = stream.index + 'stream_name\\":\\"s'.length;
    this.#numberAt = number.index + '"n":'.length;
  }
}

/** What one client hears: checks each message against the ledger. `streams` are the ones that it is subscribed to. */
export function hearing(
  layout: MessageLayout,
  ledger: Ledger,
  streams: readonly number[],
): (bytes: Buffer, start: number, end: number) => void {
  const positions = new Int32Array(streams.length);
  return (bytes, start, end) => {
    const stream = layout.stream(bytes, start, end);
    const slot = streams[0] === stream ? 0 : streams.indexOf(stream);
    if (slot < 0) return fail(`a client heard stream ${stream}, to which it is not subscribed`);
    const position = positions[slot] as number;
    positions[slot] = position + 1;
    ledger.heard(stream, position, layout.number(bytes, start, end));
  };
}
