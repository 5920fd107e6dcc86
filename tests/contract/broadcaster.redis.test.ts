import { readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createClient } from "@redis/client";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { redisPubsubBroadcaster, type RedisPubsubBroadcasterOptions } from "../../src/broadcasters/redis-pubsub.ts";
import { systemClock, type Clock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { freePort } from "../support/free-port.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { broadcasterContract } from "./broadcaster.contract.ts";

const channel = "__anycable__";
const base = { channel, tlsVerify: false, isRequired: true, clock: systemClock(), logger: silentLogger };

function pem(name: string): string {
  return fileURLToPath(new URL(`../fixtures/certs/${name}`, import.meta.url));
}

/** Its timers run out twenty times too early. */
function impatientClock(): Clock {
  const clock = systemClock();
  return { ...clock, after: (delayMs, task) => clock.after(delayMs / 20, task) };
}

function attempts(log: RecordedLog): number {
  return log.lines.filter(({ message }) => message === "Redis is still away").length;
}

async function publisher(url: string): Promise<{ say(...bodies: string[]): Promise<void>; close(): Promise<void> }> {
  const client = createClient({ url, socket: url.startsWith("rediss:") ? { tls: true, rejectUnauthorized: false } : {} });
  client.on("error", () => {});
  await client.connect();
  return {
    async say(...bodies) {
      await Promise.all(bodies.map((body) => client.publish(channel, body)));
    },
    close: async () => client.destroy(),
  };
}

describe("contract", () => {
  let shared: RedisServer;
  beforeAll(async () => {
    shared = await startRedis();
  });
  afterAll(() => shared.kill());

  broadcasterContract("redis pub/sub", async () => {
    const url = `redis://127.0.0.1:${shared.port}`;
    const { say, close } = await publisher(url);
    return {
      broadcaster: redisPubsubBroadcaster({ ...base, url }),
      async publish(...bodies) {
        await say(...bodies);
        return bodies.map(() => "untold");
      },
      close,
    };
  });
});

describe("redis pub/sub broadcaster", () => {
  const cleanups: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function redis(options?: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
    const server = await startRedis(options);
    cleanups.push(() => server.kill());
    return server;
  }

  async function listening(
    options: Partial<RedisPubsubBroadcasterOptions> & { url: string },
  ): Promise<{ broadcaster: Broadcaster; bodies: string[] }> {
    const broadcaster = redisPubsubBroadcaster({ ...base, ...options });
    const bodies: string[] = [];
    await broadcaster.start((body) => void bodies.push(body));
    cleanups.push(() => broadcaster.stop());
    return { broadcaster, bodies };
  }

  async function connected(broadcaster: Broadcaster, isConnected = true): Promise<void> {
    await vi.waitFor(() => expect(broadcaster.state!().isConnected).toBe(isConnected), { timeout: 10_000, interval: 10 });
  }

  async function hears(url: string, bodies: string[], ...said: string[]): Promise<void> {
    const { say, close } = await publisher(url);
    await say(...said);
    await close();
    await vi.waitFor(() => expect(bodies).toEqual(said), { timeout: 5_000 });
    bodies.length = 0;
  }

  it("subscribes again after Redis was killed, as often as that happens, and says so once each time", async () => {
    const server = await redis();
    const url = `redis://127.0.0.1:${server.port}`;
    const log = recordedLog();
    const { broadcaster, bodies } = await listening({ url, logger: log.logger, clock: impatientClock() });
    await connected(broadcaster);
    await hears(url, bodies, "one");
    for (const body of ["two", "three"]) {
      await server.kill();
      await connected(broadcaster, false);
      const before = attempts(log);
      await vi.waitFor(() => expect(attempts(log)).toBeGreaterThan(before + 1), { timeout: 10_000 });
      await server.restart();
      await connected(broadcaster);
      await hears(url, bodies, body);
    }
    expect(log.messages()).toEqual([
      "Taking publications from Redis",
      "Redis is lost; trying to get it back",
      "Redis is back",
      "Redis is lost; trying to get it back",
      "Redis is back",
    ]);
  });

  it("waits for a Redis that comes later", async () => {
    const port = await freePort();
    const log = recordedLog();
    const { broadcaster, bodies } = await listening({ url: `127.0.0.1:${port}`, logger: log.logger });
    await vi.waitFor(() => expect(log.messages()).toEqual(["Redis can't be reached; trying on"]));
    expect(broadcaster.state!()).toMatchObject({ isConnected: false, isRequired: true, target: `redis://127.0.0.1:${port}` });
    await redis({ port });
    await connected(broadcaster);
    await hears(`redis://127.0.0.1:${port}`, bodies, "at last");
    expect(log.messages()).toEqual(["Redis can't be reached; trying on", "Taking publications from Redis"]);
  });

  it("tells a missing default Redis at info, once, and does not make readiness depend on it", async () => {
    const log = recordedLog();
    const { broadcaster } = await listening({ url: `redis://localhost:${await freePort()}`, isRequired: false, logger: log.logger });
    await vi.waitFor(() => expect(log.lines.some(({ message }) => message === "Redis is still away")).toBe(true), { timeout: 5_000 });
    const seen = log.lines.filter(({ level }) => level !== "debug");
    expect(seen.map(({ level }) => level)).toEqual(["info"]);
    expect(seen[0]!.fields["error"]).toContain("ECONNREFUSED");
    expect(broadcaster.state!().isRequired).toBe(false);
  });

  it("notices a server that is there but silent, and listens again when it answers", async () => {
    const server = await redis();
    const url = `redis://127.0.0.1:${server.port}`;
    const { broadcaster, bodies } = await listening({ url, pingIntervalMs: 50 });
    await connected(broadcaster);
    server.freeze();
    await connected(broadcaster, false);
    server.thaw();
    await connected(broadcaster);
    await hears(url, bodies, "back");
  });

  it("stays connected while nothing is published", async () => {
    const server = await redis();
    const log = recordedLog();
    const { broadcaster } = await listening({ url: `redis://127.0.0.1:${server.port}`, pingIntervalMs: 20, logger: log.logger });
    await connected(broadcaster);
    const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
    client.on("error", () => {});
    await client.connect();
    cleanups.push(() => client.destroy());
    // The server has counted many pings, for longer than the silence that would end the connection.
    await vi.waitFor(
      async () => expect(/cmdstat_ping:calls=(\d+)/.exec(await client.info("commandstats"))?.[1]).toSatisfy((n) => Number(n) > 20),
      {
        timeout: 10_000,
      },
    );
    expect(log.messages()).toEqual(["Taking publications from Redis"]);
  });

  it("logs in with password or ACL user, and never tells either", async () => {
    const server = await redis({ config: ["--requirepass", "p@ss/w:rd", "--user", "cable", "on", ">acl#secret", "&*", "+@all"] });
    const log = recordedLog();
    for (const login of ["", ":wr0ng@"]) {
      const { broadcaster } = await listening({ url: `redis://${login}127.0.0.1:${server.port}`, logger: log.logger });
      await vi.waitFor(() => expect(log.lines.some(({ fields }) => /NOAUTH|WRONGPASS/.test(String(fields["error"])))).toBe(true), {
        timeout: 5_000,
      });
      expect(broadcaster.state!().isConnected).toBe(false);
      await broadcaster.stop();
    }
    for (const login of [":p%40ss%2Fw%3Ard@", "cable:acl%23secret@"]) {
      const url = `redis://${login}127.0.0.1:${server.port}/5`;
      const { broadcaster, bodies } = await listening({ url, logger: log.logger });
      await connected(broadcaster);
      await hears(url, bodies, "hello");
      expect(broadcaster.state!().target).toBe(`redis://127.0.0.1:${server.port}`);
    }
    expect(JSON.stringify(log.lines)).not.toMatch(/wr0ng|p@ss|p%40|acl#|acl%23/);
  });

  it("keeps trying when the user may not subscribe, until it may", async () => {
    const server = await redis({ config: ["--user", "cable", "on", ">pw", "resetchannels", "+@all"] });
    const log = recordedLog();
    const { broadcaster } = await listening({ url: `redis://cable:pw@127.0.0.1:${server.port}`, logger: log.logger });
    await vi.waitFor(() => expect(String(log.lines[0]?.fields["error"])).toContain("NOPERM"), { timeout: 5_000 });
    await server.restart(["--user", "cable", "on", ">pw", "&*", "+@all"]);
    await connected(broadcaster);
  });

  describe("TLS", () => {
    const tls = { certFile: pem("redis-cert.pem"), keyFile: pem("redis-key.pem") };

    it("does not verify unless told to", async () => {
      const server = await redis({ tls });
      const url = `rediss://127.0.0.1:${server.port}`;
      const { broadcaster, bodies } = await listening({ url });
      await connected(broadcaster);
      await hears(url, bodies, "encrypted");
    });

    it("verifies when told to", async () => {
      const server = await redis({ tls });
      const log = recordedLog();
      const url = `rediss://localhost:${server.port}`;
      const refusing = await listening({ url, tlsVerify: true, logger: log.logger });
      await vi.waitFor(() => expect(String(log.lines[0]?.fields["error"])).toMatch(/self-signed certificate/), { timeout: 5_000 });
      expect(refusing.broadcaster.state!().isConnected).toBe(false);
      const trusting = await listening({ url, tlsVerify: true, tlsFiles: { ca: readFileSync(tls.certFile, "utf8") } });
      await connected(trusting.broadcaster);
      await hears(`rediss://127.0.0.1:${server.port}`, trusting.bodies, "verified");
    });
  });

  it("tries the nodes of a list in turn", async () => {
    const server = await redis();
    const { broadcaster, bodies } = await listening({ url: `redis://127.0.0.1:${await freePort()},127.0.0.1:${server.port}` });
    await connected(broadcaster);
    await hears(`redis://127.0.0.1:${server.port}`, bodies, "from the second");
  });

  it("backs off from a server that drops every connection, even a subscribed one, and forgets that once one has lasted", async () => {
    const sockets: Socket[] = [];
    let drops = true;
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        if (!/subscribe/i.test(String(data))) return void socket.write("+OK\r\n".repeat(2));
        const confirmation = `*3\r\n$9\r\nsubscribe\r\n$${channel.length}\r\n${channel}\r\n:1\r\n`;
        if (drops) socket.end(confirmation);
        else socket.write(confirmation);
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => void server.close());
    const clock = new FakeClock();
    const { broadcaster } = await listening({ url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, clock, random: () => 0 });

    async function expectRetryAfter(waitMs: number): Promise<void> {
      await vi.waitFor(() => expect(clock.pending).toBe(1), { timeout: 5_000 });
      clock.advance(waitMs - 1);
      expect(clock.pending).toBe(1);
      const before = sockets.length;
      clock.advance(1);
      await vi.waitFor(() => expect(sockets.length).toBe(before + 1), { timeout: 5_000 });
    }

    for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000]) await expectRetryAfter(waitMs);
    drops = false;
    await expectRetryAfter(5_000);
    await connected(broadcaster);
    clock.advance(4_999);
    sockets.at(-1)!.destroy();
    await expectRetryAfter(5_000);
    await connected(broadcaster);
    clock.advance(5_000);
    sockets.at(-1)!.destroy();
    await expectRetryAfter(250);
  });

  it("leaves nothing behind when it is stopped: connected, while it connects, while it waits", async () => {
    const server = await redis();
    const url = `redis://127.0.0.1:${server.port}`;
    const { broadcaster } = await listening({ url });
    await connected(broadcaster);
    await broadcaster.stop();
    expect(broadcaster.state!().isConnected).toBe(false);
    const connecting = redisPubsubBroadcaster({ ...base, url });
    await connecting.start(() => {});
    await connecting.stop();
    const clock = new FakeClock();
    const waiting = await listening({ url: `redis://127.0.0.1:${await freePort()}`, clock });
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await waiting.broadcaster.stop();
    expect(clock.pending).toBe(0);
    const client = createClient({ url });
    client.on("error", () => {});
    await client.connect();
    cleanups.push(() => client.destroy());
    await vi.waitFor(
      async () =>
        expect((await client.sendCommand(["CLIENT", "LIST"])) as string).toSatisfy((list: string) => list.trim().split("\n").length === 1),
      {
        timeout: 5_000,
      },
    );
    expect(await client.pubSubNumSub([channel])).toEqual({ [channel]: 0 });
  });

  it.each([
    ["", /empty/],
    ["http://localhost", /scheme is http/],
    ["redis://", /can't be read|no host/],
    ["redis://:secret@host:99999", /can't be read/],
    ["redis://:sec%ret@host", /stray %/],
    ["unix:///tmp/redis.sock", /unix socket/],
  ])("refuses the URL %j without quoting it", (url, why) => {
    const attempt = (): Broadcaster => redisPubsubBroadcaster({ ...base, url });
    expect(attempt).toThrow(why);
    expect(attempt).toThrow(/redis_url/);
    expect(attempt).not.toThrow(/sec%ret|secret/);
  });
});
