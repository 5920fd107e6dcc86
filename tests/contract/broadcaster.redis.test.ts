import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Broadcaster } from "../../src/broadcasters/broadcaster.ts";
import { redisPubsubBroadcaster } from "../../src/broadcasters/redis-pubsub.ts";
import { silentLogger } from "../../src/logger.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { freePort } from "../support/free-port.ts";
import type { RecordedLog } from "../support/recorded-log.ts";
import { redisCall } from "../support/redis-client.ts";
import { impatientClock, listenTo, redisDefaults, stopListening } from "../support/redis-listening.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { settle } from "../support/settle.ts";
import { broadcasterContract } from "./broadcaster.contract.ts";

const base = { ...redisDefaults, logger: silentLogger };

function count(log: RecordedLog, text: string): number {
  return log.lines.filter(({ message }) => message === text).length;
}

describe("contract", () => {
  let shared: RedisServer;
  beforeAll(async () => {
    shared = await startRedis();
  });
  afterAll(() => shared.kill());

  broadcasterContract("redis pub/sub", async () => {
    const url = `redis://127.0.0.1:${shared.port}`;
    const client = createClient({ url });
    client.on("error", () => {});
    await client.connect();
    return {
      broadcaster: redisPubsubBroadcaster({ ...base, redis: { url } }),
      async publish(...bodies) {
        await Promise.all(bodies.map((body) => client.publish(base.channel, body)));
        return bodies.map(() => "untold");
      },
      close: async () => client.destroy(),
    };
  });
});

describe("redis pub/sub broadcaster", () => {
  const cleanups: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });
  stopListening();

  async function redis(options?: Parameters<typeof startRedis>[0]): Promise<RedisServer & { readonly url: string }> {
    const server = await startRedis(options);
    cleanups.push(() => server.kill());
    return { ...server, url: `redis://127.0.0.1:${server.port}` };
  }

  it("subscribes again after Redis was killed, as often as that happens, and says so once each time", async () => {
    const server = await redis();
    const listening = await listenTo({ url: server.url }, { clock: impatientClock() });
    await listening.connected();
    await listening.hears(server.url, "one");
    for (const body of ["two", "three"]) {
      await server.kill();
      await listening.away();
      expect(listening.state.problem).toMatch(/closed|ECONN/);
      const before = count(listening.log, "Redis is still away");
      await vi.waitFor(() => expect(count(listening.log, "Redis is still away")).toBeGreaterThan(before + 1), { timeout: 10_000 });
      await server.restart();
      await listening.connected();
      await listening.hears(server.url, body);
    }
    expect(listening.log.messages()).toEqual([
      "Taking publications from Redis",
      "Redis is lost; trying to get it back",
      "Redis is back",
      "Redis is lost; trying to get it back",
      "Redis is back",
    ]);
  });

  it("waits for a Redis that comes later", async () => {
    const port = await freePort();
    const listening = await listenTo({ url: `127.0.0.1:${port}` });
    await listening.complained(/ECONNREFUSED/);
    expect(listening.state).toMatchObject({ isConnected: false, isRequired: true, target: `redis://127.0.0.1:${port}` });
    expect(listening.state.problem).toContain("ECONNREFUSED");
    const { url } = await redis({ port });
    await listening.connected();
    await listening.hears(url, "at last");
    expect(listening.log.messages()).toEqual(["Redis can't be reached; trying on", "Taking publications from Redis"]);
  });

  it("tells a missing default Redis at info, once, and does not make readiness depend on it", async () => {
    const { log, state } = await listenTo({ url: `redis://localhost:${await freePort()}` }, { isRequired: false });
    await vi.waitFor(() => expect(count(log, "Redis is still away")).toBe(1), { timeout: 5_000 });
    const seen = log.lines.filter(({ level }) => level !== "debug");
    expect(seen.map(({ level }) => level)).toEqual(["info"]);
    expect(seen[0]!.fields["error"]).toContain("ECONNREFUSED");
    expect(state.isRequired).toBe(false);
  });

  describe("a silent server", () => {
    const pingIntervalMs = 1_000;

    it("is given up when it answers none of three pings, and listened to again when it answers", async () => {
      const server = await redis();
      const clock = new FakeClock();
      const listening = await listenTo({ url: server.url }, { clock, pingIntervalMs });
      await listening.connected();
      server.freeze();
      for (const _ of [1, 2]) clock.advance(pingIntervalMs);
      expect(listening.state.isConnected).toBe(true);
      clock.advance(pingIntervalMs);
      await listening.away();
      expect(listening.state.problem).toBe("it does not answer");
      server.thaw();
      clock.advance(250);
      await listening.connected();
      await listening.hears(server.url, "back");
    });

    it("is given up before it has let us in, too", async () => {
      const server = await redis();
      const clock = new FakeClock();
      server.freeze();
      const listening = await listenTo({ url: server.url, checkIntervalMs: 0 }, { clock, pingIntervalMs });
      await vi.waitFor(() => expect(clock.pending).toBe(1), 10_000);
      for (const _ of [1, 2, 3]) clock.advance(pingIntervalMs);
      await listening.complained(/^it does not answer$/);
      server.thaw();
      clock.advance(250);
      await listening.connected();
    });

    it("is a fine one as long as it answers pings", async () => {
      const server = await redis();
      const clock = new FakeClock();
      const listening = await listenTo({ url: server.url }, { clock, pingIntervalMs });
      await listening.connected();
      for (let pings = 1; pings <= 12; pings++) {
        clock.advance(pingIntervalMs);
        await vi.waitFor(async () => {
          const [stats] = await redisCall(server.url, ["INFO", "commandstats"]);
          expect(stats).toContain(`cmdstat_ping:calls=${pings},`);
        }, 10_000);
      }
      expect(listening.log.messages()).toEqual(["Taking publications from Redis"]);
    });

    it("is not what we take it for when it was ourselves who stood still, and nothing of that time is lost", async () => {
      const server = await redis();
      const clock = new FakeClock();
      const listening = await listenTo({ url: server.url }, { clock, pingIntervalMs });
      await listening.connected();
      server.freeze();
      for (const _ of [1, 2]) {
        clock.advance(pingIntervalMs);
        await settle();
      }
      server.thaw();
      // Nothing else runs in this process meanwhile: the answers come, and publications, but nobody reads them.
      execFileSync("redis-cli", ["-p", String(server.port), "-r", "6", "publish", base.channel, "meanwhile"], { stdio: "ignore" });
      clock.advance(pingIntervalMs);
      await vi.waitFor(() => expect(listening.bodies).toHaveLength(6), 10_000);
      expect(listening.log.messages()).toEqual(["Taking publications from Redis"]);
    });
  });

  it("logs in with password or ACL user, and never tells either", async () => {
    const server = await redis({ config: ["--requirepass", "p@ss/w:rd", "--user", "cable", "on", ">acl#secret", "&*", "+@all"] });
    const lines: unknown[] = [];
    for (const [login, problem] of [
      ["", "it answered NOAUTH"],
      [":wr0ng@", "it answered WRONGPASS"],
      ["cable:wr0ng@", "it answered WRONGPASS"],
    ]) {
      const listening = await listenTo({ url: `redis://${login}127.0.0.1:${server.port}` });
      await listening.complained(/NOAUTH|WRONGPASS/);
      expect(listening.state).toMatchObject({ isConnected: false, problem });
      await listening.broadcaster.stop();
      lines.push(listening.log.lines);
    }
    for (const login of [":p%40ss%2Fw%3Ard@", "cable:acl%23secret@"]) {
      const url = `redis://${login}127.0.0.1:${server.port}/5`;
      const listening = await listenTo({ url });
      await listening.connected();
      await listening.hears(url, "hello");
      expect(listening.state.target).toBe(`redis://127.0.0.1:${server.port}`);
      lines.push(listening.log.lines);
    }
    expect(JSON.stringify(lines)).not.toMatch(/wr0ng|p@ss|p%40|acl#|acl%23/);
  });

  it("needs no right but to subscribe, and stays connected with it", async () => {
    const server = await redis({ config: ["--user", "cable", "on", ">pw", "resetchannels", "&__anycable__", "-@all", "+subscribe"] });
    const clock = new FakeClock();
    const listening = await listenTo({ url: `redis://cable:pw@127.0.0.1:${server.port}` }, { clock });
    await listening.connected();
    for (let pings = 1; pings <= 5; pings++) {
      clock.advance(5_000);
      await vi.waitFor(async () => {
        const [stats] = await redisCall(server.url, ["INFO", "commandstats"]);
        expect(stats).toMatch(new RegExp(`cmdstat_ping:calls=0,.*rejected_calls=${pings},`));
      }, 10_000);
    }
    await listening.hears(server.url, "hello");
    expect(listening.log.messages()).toEqual(["Taking publications from Redis"]);
  });

  it("keeps trying when the user may not subscribe, until it may", async () => {
    const server = await redis({ config: ["--user", "cable", "on", ">pw", "resetchannels", "+@all"] });
    const listening = await listenTo({ url: `redis://cable:pw@127.0.0.1:${server.port}` });
    await listening.complained(/NOPERM/);
    expect(listening.state.problem).toBe("it answered NOPERM");
    await server.restart({ config: ["--user", "cable", "on", ">pw", "&*", "+@all"] });
    await listening.connected();
  });

  it.each([
    ["unix://", "?db=3"],
    ["unix://cable:p%2Fw@", ""],
    ["redis+unix://", ""],
    ["", ""],
  ])("listens at a unix socket named %s/path%s, and finds it again", async (before, after) => {
    const user = ["--user", "cable", "on", ">p/w", "&*", "+@all"];
    const server = await redis({ config: ["--unixsocket", "redis.sock", ...user] });
    const path = join(server.folder, "redis.sock");
    const listening = await listenTo({ url: `${before}${path}${after}` });
    await listening.connected();
    expect(listening.state.target).toBe(`unix://${path}`);
    const [clients] = (await redisCall(server.url, ["CLIENT", "LIST", "TYPE", "PUBSUB"])) as [string];
    expect(clients).toContain("laddr=redis.sock:0");
    expect(clients).toContain(before.includes("cable") ? "user=cable" : "user=default");
    await server.kill();
    await listening.away();
    await server.restart();
    await listening.connected();
    await listening.hears(server.url, "hello");
  });

  it("says that there is no socket", async () => {
    const listening = await listenTo({ url: "unix:///nowhere/redis.sock" });
    await listening.complained(/ENOENT/);
  });

  it("backs off from a server that drops every connection, even a subscribed one, and forgets that once one has lasted", async () => {
    const sockets: Socket[] = [];
    let drops = true;
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        // A server that knows nothing but SUBSCRIBE.
        for (const [, command] of String(data).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g))
          if (!/subscribe/i.test(command!)) socket.write("-ERR no\r\n");
        if (!/subscribe/i.test(String(data))) return;
        const confirmation = `*3\r\n$9\r\nsubscribe\r\n$${base.channel.length}\r\n${base.channel}\r\n:1\r\n`;
        if (drops) socket.end(confirmation);
        else socket.write(confirmation);
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => void server.close());
    const clock = new FakeClock();
    const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const listening = await listenTo({ url, checkIntervalMs: 0 }, { clock, random: () => 0 });

    let losses = 0;
    async function lost(): Promise<void> {
      losses++;
      await vi.waitFor(() => expect(count(listening.log, "Redis is lost; trying to get it back")).toBe(losses), { timeout: 5_000 });
    }
    async function expectRetryAfter(waitMs: number): Promise<void> {
      clock.advance(waitMs - 1);
      expect(clock.pending).toBe(1);
      const before = sockets.length;
      clock.advance(1);
      await vi.waitFor(() => expect(sockets.length).toBe(before + 1), { timeout: 5_000 });
    }

    for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000]) {
      await lost();
      await expectRetryAfter(waitMs);
    }
    await lost();
    drops = false;
    await expectRetryAfter(5_000);
    await listening.connected();
    clock.advance(4_999);
    sockets.at(-1)!.destroy();
    await lost();
    await expectRetryAfter(5_000);
    await listening.connected();
    clock.advance(5_000);
    sockets.at(-1)!.destroy();
    await lost();
    await expectRetryAfter(250);
  });

  it("leaves nothing behind when it is stopped: connected, while it connects, while it waits", async () => {
    const server = await redis();
    const clock = new FakeClock();
    const listening = await listenTo({ url: server.url }, { clock });
    await listening.connected();
    await listening.broadcaster.stop();
    expect(listening.state.isConnected).toBe(false);
    const connecting = redisPubsubBroadcaster({ ...base, clock, redis: { url: server.url } });
    await connecting.start(() => {});
    await connecting.stop();
    const waiting = await listenTo({ url: `redis://127.0.0.1:${await freePort()}` }, { clock });
    await waiting.complained(/ECONNREFUSED/);
    await waiting.broadcaster.stop();
    expect(clock.pending).toBe(0);
    await vi.waitFor(
      async () => {
        const [list, subscribers] = await redisCall(server.url, ["CLIENT", "LIST"], ["PUBSUB", "NUMSUB", base.channel]);
        expect((list as string).trim().split("\n")).toHaveLength(1);
        expect(subscribers).toEqual([base.channel, 0]);
      },
      { timeout: 5_000 },
    );
  });

  it.each([
    [{ url: "" }, /redis_url is empty/],
    [{ url: "redis://:secret@host:99999" }, /redis_url is no URL/],
    [{ url: "mymaster", sentinels: ["http://:secret@x"] }, /redis_sentinels has the scheme/],
  ])("refuses the address %j without quoting it", (redis, why) => {
    const attempt = (): Broadcaster => redisPubsubBroadcaster({ ...base, redis });
    expect(attempt).toThrow(why);
    expect(attempt).not.toThrow(/secret/);
  });
});
