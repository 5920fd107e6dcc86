import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { Payload } from "../../src/protocols/protocol.ts";
import type { Accept, Connection, Ending, Handshake } from "../../src/transports/transport.ts";
import { eventually } from "../support/eventually.ts";

/** The client's end of one connection. */
export interface Peer {
  send(payload: Payload): void;
  /** The next message, in order. */
  next(): Promise<Payload>;
  /** Stops and starts taking bytes from the network. */
  pause(): void;
  resume(): void;
  /** Says goodbye. */
  close(): void;
  /** Just goes. */
  drop(): void;
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>;
}

export interface TransportUnderTest {
  /** Of the URL that the application sees. Default http. */
  readonly scheme?: "http" | "https";
  open(accept: Accept): Promise<{
    connect(options?: { readonly path?: string; readonly headers?: Record<string, string> }): Promise<Peer>;
    stop(): Promise<void>;
  }>;
}

/** What the server's end of a connection was told. */
interface Heard {
  readonly connection: Connection;
  readonly handshake: Handshake;
  readonly received: Payload[];
  readonly endings: Ending[];
  drained: number;
  alive: number;
}

export function transportContract(name: string, transport: TransportUnderTest): void {
  describe(`transport ${name}`, () => {
    const stops: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
    });

    async function open(): Promise<{ heard: Heard[]; connect: (options?: object) => Promise<{ peer: Peer; server: Heard }> }> {
      const heard: Heard[] = [];
      const opened = await transport.open((connection, handshake) => {
        const ends: Heard = { connection, handshake, received: [], endings: [], drained: 0, alive: 0 };
        heard.push(ends);
        return {
          received: (payload) => ends.received.push(payload),
          alive: () => ends.alive++,
          drained: () => ends.drained++,
          closed: (ending) => ends.endings.push(ending),
        };
      });
      stops.push(() => opened.stop());
      return {
        heard,
        async connect(options) {
          const peer = await opened.connect(options);
          await eventually(() => heard.length).toBeGreaterThan(0);
          return { peer, server: heard.at(-1)! };
        },
      };
    }

    const write = (server: Heard, ...texts: string[]): boolean =>
      server.connection.write(texts.map((text) => server.connection.framing.frame(text).bytes));

    /** Writes, and waits until the network has taken it. */
    async function deliver(server: Heard, ...texts: string[]): Promise<void> {
      const before = server.drained;
      if (!write(server, ...texts)) await eventually(() => server.drained).toBe(before + 1);
    }

    it("tells what the client said when it came", async () => {
      const { connect } = await open();
      const { server } = await connect({ path: "?a=1&b=%20x&a=2", headers: { "x-kept": "yes", cookie: "k=v" } });
      const { handshake } = server;
      expect(handshake.url).toMatch(new RegExp(`^${transport.scheme ?? "http"}://127\\.0\\.0\\.1:\\d+/.*\\?a=1&b=%20x&a=2$`));
      expect([handshake.param("a"), handshake.param("b"), handshake.param("c")]).toEqual(["2", " x", undefined]);
      expect([handshake.firstParam("a"), handshake.firstParam("b"), handshake.firstParam("c")]).toEqual(["1", " x", undefined]);
      expect([handshake.header("x-kept"), handshake.header("cookie"), handshake.header("x-none")]).toEqual(["yes", "k=v", undefined]);
      expect(handshake.remoteAddress).toBe("127.0.0.1");
    });

    it("delivers whole messages in order, both ways", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      const sent = ["a", "", "ü😀", "x".repeat(60_000), "last"];
      for (const text of sent) peer.send(text);
      await eventually(() => server.received).toEqual(sent);
      await deliver(server, "one", "two");
      for (const size of [125, 126, 65_535, 65_536]) await deliver(server, "y".repeat(size));
      expect([await peer.next(), await peer.next()]).toEqual(["one", "two"]);
      for (const size of [125, 126, 65_535, 65_536]) expect(String(await peer.next())).toHaveLength(size);
    });

    it("keeps text and bytes apart", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      peer.send(Buffer.from([0, 255]));
      await eventually(() => server.received).toHaveLength(1);
      expect(Buffer.from(server.received[0] as Uint8Array)).toEqual(Buffer.from([0, 255]));
      server.connection.write([server.connection.framing.frame(Buffer.from([1, 2])).bytes]);
      expect(Buffer.from((await peer.next()) as Uint8Array)).toEqual(Buffer.from([1, 2]));
    });

    it("lets connections share a frame", async () => {
      const { connect } = await open();
      const [one, other] = [await connect(), await connect()];
      expect(one.server.connection.framing).toBe(other.server.connection.framing);
      const { bytes } = one.server.connection.framing.frame("shared");
      one.server.connection.write([bytes]);
      other.server.connection.write([bytes]);
      expect(await one.peer.next()).toBe("shared");
      expect(await other.peer.next()).toBe("shared");
    });

    it("says when the network does not keep up, and when it has caught up", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      peer.pause();
      const texts = [incompressible(50_000), incompressible(40_000)];
      const frames = texts.map((text) => server.connection.framing.frame(text).bytes);
      const times = 300;
      expect(server.connection.write(Array.from({ length: times }, () => frames).flat())).toBe(false);
      // The other direction shows that there was time to take it all, had there been room.
      peer.send("still talking");
      await eventually(() => server.received).toEqual(["still talking"]);
      expect(server.drained).toBe(0);
      peer.resume();
      for (let at = 0; at < times; at++) for (const text of texts) expect((await peer.next()) === text).toBe(true);
      await eventually(() => server.drained).toBe(1);
      await deliver(server, "after");
      expect(await peer.next()).toBe("after");
    });

    it("says goodbye after everything that was written before", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      await deliver(server, "last words");
      server.connection.close(1001, "Bye");
      expect(await peer.next()).toBe("last words");
      expect(await peer.ended).toEqual({ code: 1001, reason: "Bye" });
      await eventually(() => server.endings).toEqual([{ code: 1001, clean: true }]);
      expect(write(server, "too late")).toBe(true);
    });

    it("reports the client's goodbye once, as clean", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      peer.close();
      await peer.ended;
      await eventually(() => server.endings).toEqual([{ code: 1000, clean: true }]);
      server.connection.close(1000, "");
      server.connection.destroy();
      expect(server.endings).toHaveLength(1);
    });

    it("reports a client that just goes once, as not clean", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      peer.drop();
      await eventually(() => server.endings).toEqual([expect.objectContaining({ code: 1006, clean: false })]);
    });

    it("drops a connection without a word", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      server.connection.destroy();
      expect((await peer.ended).code).toBe(1006);
      await eventually(() => server.endings).toHaveLength(1);
    });

    it("reads no further while it is paused, and loses nothing", async () => {
      const { connect } = await open();
      const { peer, server } = await connect();
      peer.send("first");
      await eventually(() => server.received).toHaveLength(1);
      server.connection.pause();
      const size = 60_000;
      for (let at = 0; at < 200; at++) peer.send(incompressible(size));
      // The other direction shows that everything had time to arrive, had it been read.
      write(server, "still talking");
      expect(await peer.next()).toBe("still talking");
      expect(server.received.length).toBeLessThan(50);
      server.connection.resume();
      await eventually(() => server.received.length).toBe(201);
    });

    it("hears the answer to its ping", async () => {
      const { connect } = await open();
      const { server } = await connect();
      server.connection.write([server.connection.framing.ping!.bytes]);
      await eventually(() => server.alive).toBe(1);
    });
  });
}

/** Text that compression makes nothing of worth. */
function incompressible(length: number): string {
  return randomBytes(length).toString("base64").slice(0, length);
}
