import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";
import { repositoryRoot } from "../support/repository.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { askUpgrade, firstText } from "../support/upgrade-request.ts";

const { version } = JSON.parse(readFileSync(`${repositoryRoot}package.json`, "utf8")) as { readonly version: string };

describe("the handshake", () => {
  let ropeway: Ropeway;
  /** The ends of connections that begin a request and never finish it. They are opened first, so that the wait is short at the end. */
  const stalled: Promise<unknown>[] = [];

  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, "--path=/cable,/{tenant}/live/{id:[0-9]+},/deep/*"]);
    const head = `GET /cable HTTP/1.1\r\nHost: 127.0.0.1:${ropeway.port}\r\n`;
    for (const sent of ["", "GET /cab", `${head}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Ke`]) {
      const socket = connect(ropeway.port, "127.0.0.1", () => socket.write(sent));
      socket.on("error", () => {});
      socket.resume();
      stalled.push(once(socket, "close"));
    }
  });

  afterAll(async () => {
    await ropeway.stop();
  });

  const at = (path: string): string => `ws://127.0.0.1:${ropeway.port}${path}`;

  describe("paths", () => {
    it.each([
      ["a plain path", "/cable"],
      ["a path with a query", "/cable?pi=3&x=%20"],
      ["placeholders", "/acme/live/7"],
      ["placeholders for odd characters", "/%C3%BC%20ber/live/7"],
      ["placeholders for long names", `/${"long".repeat(500)}/live/0`],
      ["a wildcard for nothing", "/deep/"],
      ["a wildcard", "/deep/a"],
      ["a wildcard for several segments", "/deep/a/b?c=d"],
    ])("connects at %s", async (_what, path) => {
      const client = await CableClient.connect(at(path));
      expect(await client.subscribe(publicStream("paths"))).toMatchObject({ type: "confirm_subscription" });
      await client.close();
    });

    it.each(["/", "/cables", "/cable/x", "/acme/live/seven", "/acme/live/7/8", "/CABLE"])("knows nothing at %s", async (path) => {
      expect(await askUpgrade(at(path))).toMatchObject({ status: 404 });
    });

    it("answers 400 to a path that can't be decoded", async () => {
      expect(await askUpgrade(at("/%zz/live/7"))).toMatchObject({ status: 400 });
    });
  });

  describe("the subprotocol", () => {
    it.each([
      ["Action Cable's own offer", "actioncable-v1-json, actioncable-unsupported"],
      ["an offer with more of AnyCable's", "actioncable-v1-ext-json, actioncable-v1-json"],
      ["an offer with a token", "anycable-token.eyJhbGciOiJIUzI1NiJ9.e30.x, actioncable-v1-json"],
      ["an offer without spaces", "graphql-ws,actioncable-v1-json"],
    ])("is ours out of %s", async (_what, offered) => {
      const { status, headers, socket } = await askUpgrade(ropeway.cable, { "sec-websocket-protocol": offered });
      expect([status, headers["sec-websocket-protocol"]]).toEqual([101, "actioncable-v1-json"]);
      expect(JSON.parse(await firstText(socket))).toEqual({ type: "welcome", sid: expect.any(String) });
      socket.destroy();
    });

    it.each([
      ["none that we know is offered", "graphql-ws, soap"],
      ["only a token is offered", "anycable-token.x"],
      ["none is offered", undefined],
    ])("is left out when %s, and the client is welcome all the same", async (_what, offered) => {
      const { status, headers, socket } = await askUpgrade(ropeway.cable, { "sec-websocket-protocol": offered });
      expect([status, headers["sec-websocket-protocol"]]).toEqual([101, undefined]);
      expect(JSON.parse(await firstText(socket))).toEqual({ type: "welcome", sid: expect.any(String) });
      socket.destroy();
    });

    it("is refused when the offer breaks the rules for one", async () => {
      expect((await askUpgrade(ropeway.cable, { "sec-websocket-protocol": "a,,b" })).status).toBe(400);
    });
  });

  it("tells the version", async () => {
    const { headers, socket } = await askUpgrade(ropeway.cable);
    expect(headers["x-anycable-version"]).toBe(version);
    socket.destroy();
  });

  it("agrees to no compression", async () => {
    const { status, headers, socket } = await askUpgrade(ropeway.cable, { "sec-websocket-extensions": "permessage-deflate" });
    expect([status, headers["sec-websocket-extensions"]]).toEqual([101, undefined]);
    socket.destroy();
  });

  it.each([
    ["a plain GET", "GET", { connection: undefined, upgrade: undefined }, 400],
    ["a plain POST", "POST", { connection: undefined, upgrade: undefined }, 405],
    ["a POST that asks for an upgrade", "POST", {}, 405],
    ["an upgrade to something else", "GET", { upgrade: "h2c" }, 400],
    ["no key", "GET", { "sec-websocket-key": undefined }, 400],
    ["a key of the wrong length", "GET", { "sec-websocket-key": "c2hvcnQ=" }, 400],
    ["no version", "GET", { "sec-websocket-version": undefined }, 400],
    ["a version of the future", "GET", { "sec-websocket-version": "99" }, 400],
  ])("answers %s as HTTP", async (_what, method, headers, status) => {
    expect(await askUpgrade(ropeway.cable, headers, method)).toMatchObject({ status });
  });

  it("says which method it takes", async () => {
    const { status, headers } = await fetch(ropeway.http("/cable"), { method: "POST", body: "{}" });
    expect([status, headers.get("allow")]).toEqual([405, "GET"]);
  });

  it("makes the session's id itself: unguessable, and never what the client says", async () => {
    const headers = { "x-request-id": "chosen-by-me", "x-anycable-restore-sid": "chosen-by-me" };
    const sids = await Promise.all(
      [1, 2].map(async () => {
        const { socket } = await askUpgrade(`${ropeway.cable}?sid=chosen-by-me`, headers);
        const { sid } = JSON.parse(await firstText(socket)) as { readonly sid: string };
        socket.destroy();
        return sid;
      }),
    );
    expect(sids[0]).not.toBe(sids[1]);
    for (const sid of sids) expect(sid).toMatch(/^[\w-]{20,}$/);
    expect(sids).not.toContain("chosen-by-me");
  });

  it("welcomes first, and then answers what was sent together with the handshake", async () => {
    const client = new CableClient(ropeway.cable);
    client.socket.on("upgrade", () => setImmediate(() => client.say({ command: "ping" })));
    expect(await client.next()).toMatchObject({ type: "welcome" });
    expect(await client.next()).toEqual({ type: "pong" });
    await client.close();

    // A client that does not even wait for the answer to its handshake.
    const raw = await RawWebsocket.connect(ropeway.port);
    const socket = connect(ropeway.port, "127.0.0.1");
    const heard = collect(socket);
    const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket.write(
      Buffer.concat([
        Buffer.from(`GET /cable HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\n`),
        raw.frame(1, '{"command":"ping"}'),
      ]),
    );
    await expect.poll(heard).toMatch(/^HTTP\/1\.1 101 [^]*\{"type":"welcome",[^]*\{"type":"pong"\}$/);
    socket.destroy();
    raw.socket.destroy();
  });

  it("takes messages of exactly 64 KiB and closes with 1009 after one byte more", async () => {
    const padded = (bytes: number): string => '{"command":"ping"}'.padEnd(bytes, " ");
    const client = await CableClient.connect(ropeway.cable);
    client.socket.send(padded(65_536));
    expect(await client.next()).toEqual({ type: "pong" });
    client.socket.send(padded(65_537));
    expect(await client.ended).toMatchObject({ code: 1009 });
  });

  it("measures messages by max_message_size", async () => {
    const strict = await startRopeway([...standalone, "--max_message_size=100"]);
    onTestFinished(async () => void (await strict.stop()));
    const client = await CableClient.connect(strict.cable);
    client.socket.send('{"command":"ping"}'.padEnd(100, " "));
    expect(await client.next()).toEqual({ type: "pong" });
    client.socket.send('{"command":"ping"}'.padEnd(101, " "));
    expect(await client.ended).toMatchObject({ code: 1009 });
  });

  it("lets in max-conn clients at a time, answers 503 to more, and lets the next in when one has left", async () => {
    const small = await startRopeway([...standalone, "--max-conn=2"]);
    onTestFinished(async () => void (await small.stop()));
    // What never became a connection takes no place.
    for (let at = 0; at < 5; at++) expect((await askUpgrade(small.cable, { "sec-websocket-key": "short" })).status).toBe(400);
    const one = await CableClient.connect(small.cable);
    const other = await CableClient.connect(small.cable);
    expect((await askUpgrade(small.cable)).status).toBe(503);
    expect(await small.logged(/max-conn/)).toMatchObject({ level: "WARN" });
    // Everything that is no client is still served.
    expect((await fetch(small.http("/health"))).status).toBe(200);
    expect(await one.sync()).toEqual([]);

    await one.close();
    const next = await vi.waitFor(() => CableClient.connect(small.cable), 5_000);
    expect((await askUpgrade(small.cable)).status).toBe(503);
    await next.drop();
    await vi.waitFor(() => CableClient.connect(small.cable), 5_000);
    expect(await other.sync()).toEqual([]);
  });

  it("cuts handshakes that stall, while everybody else is served", async () => {
    const client = await CableClient.connect(ropeway.cable);
    expect(stalled).toHaveLength(3);
    await Promise.all(stalled);
    expect(await client.sync()).toEqual([]);
    await client.close();
  });
});

/** Everything that comes over the socket, as text. */
function collect(socket: Socket): () => string {
  let bytes = "";
  socket.on("data", (chunk: Buffer) => (bytes += chunk.toString("latin1")));
  return () => bytes;
}
