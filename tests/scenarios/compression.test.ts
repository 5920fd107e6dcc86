import { constants, deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { launchChromium, reasonToSkipBrowser } from "../support/chromium.ts";
import { eventually } from "../support/eventually.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { askUpgrade } from "../support/upgrade-request.ts";

const AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
const TEXT = 0x41;

/** A page as Turbo would send it: of 20 KB. */
const page = Array.from(
  { length: 150 },
  (_, n) => `<li id="message_${n}" class="message">This is the message with number ${n * 7919}, written by somebody.</li>`,
).join("\n");

const deflated = (text: string | Buffer): Buffer => deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

describe("with enable_ws_compression", () => {
  let ropeway: Ropeway;

  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, "--enable_ws_compression"]);
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  it.each([
    ["what browsers offer", "permessage-deflate; client_max_window_bits", AGREED],
    ["what AnyCable's clients in Go offer", AGREED, AGREED],
    ["a second offer, when the first asks for too much", "permessage-deflate; server_max_window_bits=9, permessage-deflate", AGREED],
    ["an offer that insists on a smaller window", "permessage-deflate; server_max_window_bits=9", undefined],
    ["something else", "x-webkit-deflate-frame", undefined],
    ["something malformed", 'permessage-deflate; ="', undefined],
    ["nothing", undefined, undefined],
  ])("lets in a client with %s", async (_what, offered, agreed) => {
    const { status, headers, socket } = await askUpgrade(ropeway.cable, { "sec-websocket-extensions": offered });
    expect([status, headers["sec-websocket-extensions"]]).toEqual([101, agreed]);
    socket.destroy();
  });

  it("sends a publication compressed to those who agreed and plain to the others, in the same order", async () => {
    const identifier = publicStream("mixed");
    const compressed = await CableClient.connect(ropeway.cable);
    const plain = await CableClient.connect(ropeway.cable, { perMessageDeflate: false });
    expect([compressed.socket.extensions, plain.socket.extensions]).toEqual(["permessage-deflate", ""]);
    for (const client of [compressed, plain]) await client.subscribe(identifier);
    const messages = [page, "short", "ü😀".repeat(500), "", `${page}!`];
    for (const text of messages) expect(await ropeway.publish({ stream: "mixed", data: JSON.stringify({ text }) })).toBe(201);
    for (const client of [compressed, plain]) {
      expect((await client.sync()).map(({ message }) => (message as { text: string }).text)).toEqual(messages);
      await client.close();
    }
  });

  it("saves most of a page, sends everybody the same bytes, and leaves small messages alone", async () => {
    const clients = [await RawWebsocket.connect(ropeway.port, [OFFER]), await RawWebsocket.connect(ropeway.port, [OFFER])];
    const plain = await RawWebsocket.connect(ropeway.port);
    for (const client of [...clients, plain]) {
      client.text(JSON.stringify({ command: "subscribe", identifier: publicStream("page") }));
      await eventually(() => client.bytes.includes("confirm_subscription")).toBe(true);
      client.bytes = Buffer.alloc(0);
    }
    await ropeway.publish({ stream: "page", data: JSON.stringify(page) });
    await eventually(() => plain.bytes.length).toBeGreaterThan(page.length);
    for (const client of clients) await eventually(() => client.bytes.length).toBeGreaterThan(0);
    const [one, other] = clients.map(({ bytes }) => bytes.subarray(0, 4 + bytes.readUInt16BE(2)));
    expect(one![0]).toBe(0xc1);
    expect(one!.equals(other!)).toBe(true);
    expect(one!.length).toBeLessThan(plain.bytes.length / 4);
    for (const client of [...clients, plain]) client.socket.destroy();
  });

  it("survives bombs, which cost nobody else their connection", async () => {
    const bystander = await CableClient.connect(ropeway.cable);
    const bomb = deflated(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(64 * 1024);
    const codes = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const raw = await RawWebsocket.connect(ropeway.port, [OFFER]);
        raw.send(raw.frame(TEXT, bomb));
        return raw.closeCode();
      }),
    );
    expect(codes).toEqual(Array.from({ length: 20 }, () => 1009));
    expect(await bystander.sync()).toEqual([]);
    await bystander.close();
  });

  it("takes commands of the size limit, and counts bytes as they are when inflated", async () => {
    const before = await ropeway.metric("anycable_go_data_rcvd_total");
    const raw = await RawWebsocket.connect(ropeway.port, [OFFER]);
    const command = JSON.stringify({ command: "ping" }).padEnd(65_536);
    raw.send(raw.frame(TEXT, deflated(command)));
    await eventually(() => raw.bytes.includes('"pong"')).toBe(true);
    expect((await ropeway.metric("anycable_go_data_rcvd_total")) - before).toBe(65_536);
    raw.send(raw.frame(TEXT, deflated(`${command} `)));
    expect(await raw.closeCode()).toBe(1009);
  });

  it.skipIf(reasonToSkipBrowser() !== undefined)("is understood by a real browser", async () => {
    const browser = await launchChromium();
    const tab = await browser.newPage();
    // Runs in the page: subscribes with a compressed command and waits for the page to come.
    const heard = tab.evaluate(
      ([url, identifier]) =>
        new Promise<{ readonly extensions: string; readonly text: string }>((resolve, reject) => {
          const socket = new WebSocket(url!, "actioncable-v1-json");
          socket.addEventListener("close", ({ code }) => reject(new Error(`closed with ${code}`)));
          socket.addEventListener("message", ({ data }) => {
            const { type, message } = JSON.parse(String(data)) as { readonly type?: string; readonly message?: string };
            if (type === "welcome") socket.send(JSON.stringify({ command: "subscribe", identifier, pad: "x".repeat(5_000) }));
            if (type === undefined && message !== undefined) resolve({ extensions: socket.extensions, text: message });
          });
        }),
      [ropeway.cable, publicStream("browser")] as const,
    );
    await ropeway.metricBecomes("anycable_go_broadcast_streams_num", 1);
    await ropeway.publish({ stream: "browser", data: JSON.stringify(page) });
    expect(await heard).toEqual({ extensions: AGREED, text: page });
    await browser.close();
  });
});
