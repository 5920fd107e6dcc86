import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import * as ws from "ws";
import { silentLogger } from "../../src/logger.ts";
import { chooseSubprotocol } from "../../src/protocols/negotiate.ts";
import type { Payload } from "../../src/protocols/protocol.ts";
import type { Connection } from "../../src/transports/transport.ts";
import { deflateFraming, offersDeflate } from "../../src/transports/websocket-deflate.ts";
import { websocketFraming } from "../../src/transports/websocket-framing.ts";
import { websocketTransport } from "../../src/transports/websocket.ts";
import { eventually } from "../support/eventually.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";

describe("an offer of compression", () => {
  it.each([
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    'permessage-deflate ;client_max_window_bits = 8; server_max_window_bits="15"',
    "permessage-deflate; server_max_window_bits=10, permessage-deflate",
    "x-webkit-deflate-frame, permessage-deflate",
    'foo; a="b, c", permessage-deflate',
  ])("is taken: %s", (header) => expect(offersDeflate(header)).toBe(true));

  it.each([
    undefined,
    "",
    "x-webkit-deflate-frame",
    "permessage-deflate; server_max_window_bits=10",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; client_max_window_bits=16",
    "permessage-deflate; client_max_window_bits=010",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; unheard_of",
    "permessage-deflate;",
    ";;,,=",
  ])("is not: %s", (header) => expect(offersDeflate(header)).toBe(false));
});

/** What a client makes of a frame. */
function read(bytes: Buffer): { readonly isCompressed: boolean; readonly opcode: number; readonly message: Buffer } {
  const short = bytes[1]!;
  const header = short < 126 ? 2 : short === 126 ? 4 : 10;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const payload = bytes.subarray(header);
  expect(payload).toHaveLength(length);
  const isCompressed = (bytes[0]! & 0x40) !== 0;
  return { isCompressed, opcode: bytes[0]! & 0x0f, message: isCompressed ? inflated(payload) : payload };
}

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const inflated = (payload: Buffer): Buffer => inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
const deflated = (payload: Buffer | string): Buffer => deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

describe("a compressed frame", () => {
  it("holds the message, whatever that is, and is never larger than the plain one", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 600 });
    const repeated = fc
      .tuple(fc.string({ minLength: 1, maxLength: 50 }), fc.nat({ max: 4_000 }))
      .map(([part, times]) => part.repeat(times));
    const payload: fc.Arbitrary<Payload> = fc.oneof(
      text,
      repeated,
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(payload, (given) => {
        const frame = deflateFraming.frame(given);
        const plain = websocketFraming.frame(given);
        const { opcode, message, isCompressed } = read(frame.bytes);
        expect(message.equals(Buffer.from(given as string))).toBe(true);
        expect(opcode).toBe(typeof given === "string" ? 1 : 2);
        expect(frame.payloadBytes).toBe(plain.payloadBytes);
        if (isCompressed) expect(frame.bytes.length).toBeLessThan(plain.bytes.length);
        else expect(frame.bytes.equals(plain.bytes)).toBe(true);
      }),
    );
  });

  it.each([255, 256, 65_535, 65_536, 1_000_000])("is made of %i bytes, or not", (size) => {
    const { bytes } = deflateFraming.frame("a".repeat(size));
    const { isCompressed, message } = read(bytes);
    expect(isCompressed).toBe(size >= 256);
    // Byte by byte, as vitest compares buffers, a megabyte takes 15 s.
    expect(message.equals(Buffer.alloc(size, "a"))).toBe(true);
  });
});

describe("a compressed connection", () => {
  const MOST = 10_000;
  let port: number;
  let stop: () => Promise<void>;
  const received: Payload[] = [];
  const connections: Connection[] = [];

  beforeAll(async () => {
    const server = createServer();
    websocketTransport({
      paths: ["/cable"],
      maxMessageBytes: MOST,
      compression: true,
      maxConnections: 0,
      closeTimeoutMs: 2_000,
      version: "test",
      checkOrigin: () => ({ allowed: true }),
      chooseSubprotocol,
      logger: silentLogger,
    }).mount({ request: () => {}, upgrade: (_path, handler) => server.on("upgrade", handler) }, (connection) => {
      connections.push(connection);
      return { received: (payload) => received.push(payload), alive: () => {}, drained: () => {}, closed: () => {} };
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
    stop = async () => {
      server.close();
      await once(server, "close");
    };
  });

  afterEach(() => {
    for (const connection of connections.splice(0)) connection.destroy();
    received.length = 0;
    vi.restoreAllMocks();
  });
  afterAll(() => stop());

  const connect = (): Promise<RawWebsocket> => RawWebsocket.connect(port, ["Sec-WebSocket-Extensions: permessage-deflate"]);
  const TEXT = 0x41;

  it("takes plain and compressed messages of every kind, in order", async () => {
    const raw = await connect();
    const finished = Buffer.concat([deflateRawSync("finished"), Buffer.from([0])]);
    raw.send(
      raw.frame(TEXT, deflated("one")),
      raw.frame(1, "plain"),
      raw.frame(TEXT, deflated("")),
      raw.frame(TEXT, finished),
      raw.frame(0x42, deflated(Buffer.from([0, 255]))),
      raw.frame(9, "ping in between"),
      raw.frame(TEXT, deflated("x".repeat(MOST))),
      raw.frame(1, "last"),
    );
    await vi.waitFor(
      () => expect(received).toEqual(["one", "plain", "", "finished", Buffer.from([0, 255]), "x".repeat(MOST), "last"]),
      10_000,
    );
  });

  it("puts together what comes in pieces, and goes on", async () => {
    const raw = await connect();
    const bytes = deflated("in pieces");
    const inTwo = [raw.frame(TEXT, bytes.subarray(0, 4), { fin: false }), raw.frame(9, "ping"), raw.frame(0, bytes.subarray(4))];
    raw.send(raw.frame(TEXT, deflated("before")), ...inTwo, ...inTwo, raw.frame(TEXT, deflated("after")));
    await eventually(() => received).toEqual(["before", "in pieces", "in pieces", "after"]);
  });

  it("inflates ordinary messages without a stream per connection", async () => {
    const { PerMessageDeflate } = ws as unknown as { PerMessageDeflate: { prototype: { decompress(): void } } };
    const byStream = vi.spyOn(PerMessageDeflate.prototype, "decompress");
    const raw = await connect();
    raw.send(raw.frame(TEXT, deflated("one")), raw.frame(TEXT, deflated("two")));
    await eventually(() => received).toHaveLength(2);
    expect(byStream).not.toHaveBeenCalled();
    raw.send(raw.frame(TEXT, deflated("three"), { fin: false }), raw.frame(0, ""));
    await eventually(() => received).toHaveLength(3);
    expect(byStream).toHaveBeenCalledTimes(2);
  });

  it.each([
    ["a message that grows past the limit", 1009, [{ opcode: TEXT, payload: deflated(Buffer.alloc(MOST + 1)) }]],
    ["a bomb", 1009, [{ opcode: TEXT, payload: deflated(Buffer.alloc(9_000_000)) }]],
    [
      "a bomb in pieces",
      1009,
      [
        { opcode: TEXT, payload: deflated(Buffer.alloc(3_000_000)).subarray(0, 1_000), fin: false },
        { opcode: 0, payload: deflated(Buffer.alloc(3_000_000)).subarray(1_000), fin: true },
      ],
    ],
    ["what is no deflate data", 1007, [{ opcode: TEXT, payload: Buffer.alloc(20, 0xff) }]],
    ["invalid UTF-8 inside", 1007, [{ opcode: TEXT, payload: deflated(Buffer.from([0xc3, 0x28])) }]],
    ["a compressed ping", 1002, [{ opcode: 0x49, payload: Buffer.from("x") }]],
    ["RSV2", 1002, [{ opcode: 0x21, payload: Buffer.from("x") }]],
  ])("closes on %s with %i, and on nobody else", async (_what, code, frames) => {
    const other = await connect();
    const raw = await connect();
    raw.send(raw.frame(TEXT, deflated("fine")));
    raw.send(...frames.map(({ opcode, payload, ...rest }) => raw.frame(opcode, payload, rest)));
    expect(await raw.closeCode()).toBe(code);
    other.send(other.frame(TEXT, deflated("still here")));
    await eventually(() => received).toEqual(["fine", "still here"]);
  });

  it("survives clients that go in the middle of it", async () => {
    for (let at = 0; at < 50; at++) {
      const raw = await connect();
      raw.send(...Array.from({ length: 20 }, () => raw.frame(TEXT, deflated("x".repeat(5_000)))));
      raw.socket.resetAndDestroy();
    }
    received.length = 0;
    const raw = await connect();
    raw.send(raw.frame(TEXT, deflated("still there")));
    await eventually(() => received).toContain("still there");
  });
});
