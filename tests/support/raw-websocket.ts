import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A WebSocket client that can do everything a client must not. */
export class RawWebsocket {
  readonly socket: Socket;
  /** Everything received after the handshake. */
  bytes: Buffer = Buffer.alloc(0);
  readonly ended: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    // Not by `once`, which rejects when the connection breaks: that is an end, too.
    this.ended = new Promise((resolve) => void socket.once("close", () => resolve()));
  }

  /** Connects and shakes hands. */
  static async connect(port: number, headers: readonly string[] = []): Promise<RawWebsocket> {
    const socket = connect(port, "127.0.0.1");
    const raw = new RawWebsocket(socket);
    await once(socket, "connect");
    socket.write(
      [
        "GET /cable HTTP/1.1",
        `Host: 127.0.0.1:${port}`,
        "Upgrade: websocket",
        "Connection: Upgrade",
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: actioncable-v1-json",
        ...headers,
        "\r\n",
      ].join("\r\n"),
    );
    let head = Buffer.alloc(0);
    await new Promise<void>((resolve) => {
      const onData = (chunk: Buffer): void => {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) return;
        raw.bytes = head.subarray(end + 4);
        socket.off("data", onData);
        socket.on("data", (more: Buffer) => (raw.bytes = Buffer.concat([raw.bytes, more])));
        resolve();
      };
      socket.on("data", onData);
    });
    return raw;
  }

  /** One frame, masked unless told otherwise. `length` overrides the length that the header states. */
  frame(opcode: number, payload: Buffer | string, options: { fin?: boolean; masked?: boolean; length?: number } = {}): Buffer {
    const { fin = true, masked = true } = options;
    const body = Buffer.from(payload);
    const length = options.length ?? body.length;
    const header = length < 126 ? Buffer.from([0, length]) : length < 65_536 ? Buffer.alloc(4, 126) : Buffer.alloc(10, 127);
    if (header.length === 4) header.writeUInt16BE(length, 2);
    if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
    header[0] = (fin ? 0x80 : 0) | opcode;
    if (masked) header[1]! |= 0x80;
    // A mask of zeros leaves the payload as it is, which is legal and easy to read in a trace.
    return Buffer.concat(masked ? [header, Buffer.alloc(4), body] : [header, body]);
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  text(payload: string): void {
    this.send(this.frame(1, payload));
  }

  /** The code of the close frame; undefined when the connection ended without one. Ends the connection. */
  async closeCode(): Promise<number | undefined> {
    const closed = new Promise<void>((resolve) => this.socket.on("data", () => this.#findCloseFrame() && resolve()));
    if (!this.#findCloseFrame()) await Promise.race([closed, this.ended]);
    this.socket.destroy();
    return this.#findCloseFrame()?.code;
  }

  #findCloseFrame(): { readonly code: number | undefined } | undefined {
    for (let at = 0; at + 2 <= this.bytes.length;) {
      const short = this.bytes[at + 1]! & 0x7f;
      const header = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (at + header > this.bytes.length) return undefined;
      const length = short === 126 ? this.bytes.readUInt16BE(at + 2) : short === 127 ? Number(this.bytes.readBigUInt64BE(at + 2)) : short;
      if (at + header + length > this.bytes.length) return undefined;
      if ((this.bytes[at]! & 0x0f) === 8) return { code: length >= 2 ? this.bytes.readUInt16BE(at + header) : undefined };
      at += header + length;
    }
    return undefined;
  }
}
