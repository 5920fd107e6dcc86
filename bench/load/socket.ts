import type { Socket } from "node:net";
import type { ChunkClock } from "./clock.ts";
import { dial } from "./dial.ts";
import { Inflater } from "./inflater.ts";
import type { Endpoint } from "./plan.ts";

/** What a WebSocket tells about its network. */
export interface FrameListener {
  /** A text message: the bytes from `start` to `end`, valid during the call only. */
  text(bytes: Buffer, start: number, end: number): void;
  /** The connection ended although nobody here ended it. */
  ended(reason: string): void;
}

// Any 16 bytes do; RFC 6455 §1.3 has this very pair as its example.
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/** Of the size that a Rails session has. */
export const COOKIE: string = `_session=${"c2Vzc2lvbg".repeat(24)}`;
const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;

const TEXT = 0x81;
const COMPRESSED_TEXT = 0xc1;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;

const inflater = new Inflater();

/** What a browser sends, cookie and all: a server reads every header. */
function handshake({ port, token, sid, isExtended = false }: Endpoint): string {
  return [
    `GET /cable${sid === undefined ? "" : `?sid=${sid}`} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Upgrade: websocket",
    `Origin: http://127.0.0.1:${port}`,
    "Sec-WebSocket-Version: 13",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9",
    `Cookie: ${COOKIE}`,
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    `Sec-WebSocket-Protocol: ${isExtended ? "actioncable-v1-ext-json" : "actioncable-v1-json, actioncable-unsupported"}`,
    ...(token === undefined ? [] : [`X-JID: ${token}`]),
    "\r\n",
  ].join("\r\n");
}

/** A WebSocket client with nothing in it that a load generator does not need: far cheaper than the servers that it measures. */
export class LoadSocket {
  readonly #socket: Socket;
  readonly #listener: FrameListener;
  #isOpen = false;
  #isClosed = false;
  /** The beginning of a frame whose end has not come yet. */
  #rest: Buffer | undefined;
  /** Bytes of the network, framing and compression as they are. */
  receivedBytes = 0;

  constructor(endpoint: Endpoint, clock: ChunkClock, listener: FrameListener) {
    this.#listener = listener;
    this.#socket = dial(endpoint, (bytes, length) => {
      clock.refresh();
      this.#received(bytes, length);
    });
    this.#socket.write(handshake(endpoint));
    this.#socket.on("error", (error) => this.#ended(error.message));
    this.#socket.on("close", () => this.#ended("closed by the server"));
  }

  /** Sends a text message, masked as clients must. */
  send(text: string): void {
    this.#socket.write(maskedFrame(TEXT, Buffer.from(text)));
  }

  /** Drops the connection with a reset, so that thousands of runs leave no port in TIME_WAIT. */
  drop(): void {
    this.#isClosed = true;
    // Of a TLS connection, Node can't reset what is below.
    if ("encrypted" in this.#socket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  #ended(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.ended(reason);
  }

  #received(bytes: Buffer, length: number): void {
    this.receivedBytes += length;
    if (this.#rest === undefined) {
      this.#parse(bytes, length);
    } else {
      const joined = Buffer.concat([this.#rest, bytes.subarray(0, length)]);
      this.#rest = undefined;
      this.#parse(joined, joined.length);
    }
  }

  #parse(bytes: Buffer, length: number): void {
    let at = 0;
    if (!this.#isOpen) {
      at = this.#readHandshake(bytes, length);
      if (at === 0) {
        this.#rest = Buffer.from(bytes.subarray(0, length));
        return;
      }
    }
    while (at + 2 <= length) {
      const first = bytes[at] as number;
      let size = bytes[at + 1] as number;
      let start = at + 2;
      if (size === 126) {
        if (start + 2 > length) break;
        size = bytes.readUInt16BE(start);
        start += 2;
      } else if (size === 127) {
        if (start + 8 > length) break;
        size = Number(bytes.readBigUInt64BE(start));
        start += 8;
      }
      const end = start + size;
      if (end > length) break;
      if (first === TEXT) this.#listener.text(bytes, start, end);
      else if (first === COMPRESSED_TEXT) this.#inflated(bytes.subarray(start, end));
      else this.#control(first, bytes.subarray(start, end));
      at = end;
    }
    if (at < length) this.#rest = Buffer.from(bytes.subarray(at, length));
  }

  /** Where the frames begin; 0 when the head is not complete yet. */
  #readHandshake(bytes: Buffer, length: number): number {
    const end = bytes.subarray(0, length).indexOf("\r\n\r\n");
    if (end < 0) return 0;
    const head = bytes.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 101") || !head.includes(ACCEPT)) this.#ended(`no upgrade: ${head.split("\r\n", 1)[0] ?? ""}`);
    this.#isOpen = true;
    return end + 4;
  }

  #inflated(payload: Buffer): void {
    const text = inflater.inflate(payload);
    this.#listener.text(text, 0, text.length);
  }

  #control(first: number, payload: Buffer): void {
    if (first === PING) this.#socket.write(maskedFrame(PONG, payload));
    else if (first === CLOSE) this.#ended(`close frame ${payload.length >= 2 ? payload.readUInt16BE(0) : ""}`);
    else if (first !== PONG) this.#ended(`frame of an unexpected kind: 0x${first.toString(16)}`);
  }
}

function maskedFrame(first: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? [first, 0x80 | payload.length] : [first, 0xfe, payload.length >> 8, payload.length & 0xff];
  const frame = Buffer.concat([Buffer.from([...head, ...MASK]), payload]);
  for (let i = frame.length - payload.length, k = 0; i < frame.length; i += 1, k += 1) {
    frame[i] = (frame[i] as number) ^ (MASK[k & 3] as number);
  }
  return frame;
}
