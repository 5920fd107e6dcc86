// What Redis alone can do to a pubsub, besides what every medium can.

import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { redisPubsubBroadcaster } from "../../src/broadcasters/redis-pubsub.ts";
import { silentLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Publication, RemoteCommand } from "../../src/publications/publication.ts";
import type { Pubsub } from "../../src/pubsub/pubsub.ts";
import { redisPubsub, type RedisPubsubOptions } from "../../src/pubsub/redis.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { redisCall } from "../support/redis-client.ts";
import { nodeUrl } from "../support/redis-cluster.ts";
import { impatientClock, redisDefaults } from "../support/redis-listening.ts";
import { pubsubChannels } from "../support/redis-pubsub-medium.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

const { clock } = redisDefaults;
let server: RedisServer;
let url: string;
const cleanups: (() => Promise<unknown> | void)[] = [];
beforeEach(async () => {
  server = await startRedis();
  url = nodeUrl(server);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await server.kill();
});

interface Started {
  readonly pubsub: Pubsub;
  readonly log: RecordedLog;
  readonly heard: string[];
  readonly commands: RemoteCommand[];
  readonly metrics: ReturnType<typeof createMetrics>;
  missed: number;
}

async function begin(change: Partial<RedisPubsubOptions> = {}): Promise<Started> {
  const log = recordedLog();
  const metrics = createMetrics();
  const pubsub = redisPubsub({ redis: { url }, channels: pubsubChannels, clock, logger: log.logger, metrics, ...change });
  const started: Started = { pubsub, log, metrics, heard: [], commands: [], missed: 0 };
  cleanups.push(() => pubsub.stop());
  await pubsub.start({
    deliver: ({ stream, json }) => void started.heard.push(`${stream}: ${json}`),
    execute: (command) => void started.commands.push(command),
    missed: () => void started.missed++,
  });
  return started;
}

async function start(change: Partial<RedisPubsubOptions> = {}): Promise<Started> {
  const started = await begin(change);
  await eventually(() => started.pubsub.state!().isConnected).toBe(true);
  return started;
}

function publication(stream: string, json = "1"): Publication {
  return { stream, json, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0 };
}

const publish = async ({ pubsub }: Started, stream: string, json?: string): Promise<void> => pubsub.publish(publication(stream, json));
const unavailable = (why: RegExp): Error =>
  expect.objectContaining({ code: "publication.unavailable", message: expect.stringMatching(why) as string }) as Error;

/** Ids of this server's connections that are of the type (`pubsub` or `normal`) and did this last. */
async function connections(type: string, lastCommand: RegExp): Promise<string[]> {
  const [list] = (await redisCall(url, ["CLIENT", "LIST", "TYPE", type])) as [string];
  return list.split("\n").flatMap((line) => (lastCommand.test(line) ? (/ ?\bid=(\d+)/.exec(line)?.[1] ?? []) : []));
}

describe("applications on one Redis", () => {
  it("don't hear each other when they have prefixes, nor one that has none", async () => {
    const apps = [
      await start({ channels: { ...pubsubChannels, prefix: "a:" } }),
      await start({ channels: { ...pubsubChannels, prefix: "b:" } }),
      await start(),
    ];
    for (const { pubsub } of apps) await pubsub.subscribe("s");
    for (const [at, app] of apps.entries()) {
      await publish(app, "s", String(at));
      await app.pubsub.command({ command: "supersede", sid: String(at) });
    }
    for (const [at, { heard, commands }] of apps.entries()) {
      await eventually(() => commands).toEqual([{ command: "supersede", sid: String(at) }]);
      expect(heard).toEqual([`s: ${at}`]);
    }
    const [channels] = (await redisCall(url, ["PUBSUB", "CHANNELS"])) as [string[]];
    expect(channels.toSorted()).toEqual(["__anycable_internal__", "a:__anycable_internal__", "a:s", "b:__anycable_internal__", "b:s", "s"]);
  });

  it("may have a broadcaster on a channel that is a stream's name, which hears nothing of the stream", async () => {
    const bodies: string[] = [];
    const broadcaster = redisPubsubBroadcaster({ ...redisDefaults, redis: { url }, logger: silentLogger });
    cleanups.push(() => broadcaster.stop());
    await broadcaster.start((body) => void bodies.push(body));
    await eventually(() => broadcaster.state!().isConnected).toBe(true);
    const node = await start();
    await node.pubsub.subscribe("__anycable__");
    await publish(node, "__anycable__");
    await redisCall(url, ["PUBLISH", "__anycable__", "from the application"]);
    await eventually(() => bodies).toEqual(["from the application"]);
    expect(node.heard).toEqual(["__anycable__: 1"]);
    expect(node.metrics.counters.failed_pubsub_msg_total).toBe(0);
  });
});

describe("a pubsub over Redis", () => {
  it("asks for all streams of a turn in commands of 256", async () => {
    const { pubsub } = await start();
    await redisCall(url, ["CONFIG", "RESETSTAT"]);
    const streams = Array.from({ length: 1_000 }, (_, at) => `s${at}`);
    await Promise.all(streams.map(async (stream) => pubsub.subscribe(stream)));
    for (const stream of streams) pubsub.unsubscribe(stream);
    await eventually(async () => ((await redisCall(url, ["INFO", "commandstats"])) as [string])[0]).toMatch(/cmdstat_unsubscribe:calls=4,/);
    expect((await redisCall(url, ["INFO", "commandstats"]))[0]).toMatch(/cmdstat_subscribe:calls=4,/);
  });

  it("does not read a message that is too long", async () => {
    const node = await start({ maxMessageBytes: 1_000 });
    await node.pubsub.subscribe("s");
    await publish(node, "s", JSON.stringify("x".repeat(1_000)));
    await publish(node, "s");
    await eventually(() => node.heard).toEqual(["s: 1"]);
    expect(node.metrics.counters.failed_pubsub_msg_total).toBe(1);
  });

  it("says what it missed when Redis gave it up because it read too slowly", async () => {
    await redisCall(url, ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0"]);
    const node = await start();
    await node.pubsub.subscribe("s");
    await publish(node, "s");
    await eventually(() => node.heard).toEqual(["s: 1"]);
    expect(node.missed).toBe(0);
    // Nothing else runs in this process meanwhile.
    const script = "for _ = 1, 100 do redis.call('PUBLISH', 's', string.rep('x', 1000000)) end";
    execFileSync("redis-cli", ["-p", String(server.port), "EVAL", script, "0"], { stdio: "ignore" });
    await eventually(() => node.missed).toBe(1);
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
    await publish(node, "s", "2");
    await eventually(() => node.heard.at(-1)).toBe("s: 2");
  });

  it("takes streams before there is a Redis, and says then that it may have missed something", async () => {
    const port = await freePort();
    const node = await begin({ redis: { url: `redis://127.0.0.1:${port}` } });
    await node.pubsub.subscribe("s");
    await eventually(() => node.pubsub.state!().problem).toContain("ECONNREFUSED");
    await expect(publish(node, "s")).rejects.toThrow(unavailable(/is away/));
    const late = await startRedis({ port });
    cleanups.push(() => late.kill());
    await eventually(() => node.missed).toBe(1);
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
    await publish(node, "s");
    await eventually(() => node.heard).toEqual(["s: 1"]);
  });

  it("waits for a Redis that hangs for a bounded time, and says what it missed when a subscription came late", async () => {
    const node = await start({ clock: impatientClock() });
    await node.pubsub.subscribe("before");
    server.freeze();
    try {
      // A second, here a twentieth of it.
      await node.pubsub.subscribe("late");
      await expect(publish(node, "before")).rejects.toThrow(unavailable(/did not answer/));
      expect(node.missed).toBe(0);
    } finally {
      server.thaw();
    }
    await eventually(() => node.missed).toBeGreaterThan(0);
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
    await publish(node, "late");
    await eventually(() => node.heard).toContain("late: 1");
  });

  it("does not pile up publications for a Redis that hangs", async () => {
    const node = await start();
    server.freeze();
    try {
      const big = JSON.stringify("x".repeat(1_000_000));
      const outcomes = await Promise.race([
        Promise.allSettled(Array.from({ length: 80 }, () => publish(node, "s", big))),
        new Promise<unknown[]>((resolve) => setImmediate(() => setImmediate(() => resolve([])))),
      ]);
      expect(outcomes).toEqual([]);
      await expect(publish(node, "s", "1")).rejects.toThrow(unavailable(/too slow/));
    } finally {
      server.thaw();
    }
    await eventually(async () => (await Promise.allSettled([publish(node, "s", "1")]))[0].status).toBe("fulfilled");
  });

  it("misses nothing when only the connection that publishes breaks, and does not publish while it does not hear", async () => {
    const node = await start();
    await node.pubsub.subscribe("s");
    await publish(node, "s", "1");
    const [publishing] = await connections("normal", /cmd=publish/);
    await redisCall(url, ["CLIENT", "KILL", "ID", publishing!]);
    await eventually(() => node.pubsub.state!().isConnected).toBe(false);
    await expect(publish(node, "s")).rejects.toThrow(unavailable(/is away/));
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
    await publish(node, "s", "2");
    await eventually(() => node.heard).toEqual(["s: 1", "s: 2"]);
    expect(node.missed).toBe(0);

    const [subscribing] = await connections("pubsub", /cmd=/);
    await redisCall(url, ["CLIENT", "KILL", "ID", subscribing!]);
    await eventually(() => node.pubsub.state!().isConnected).toBe(false);
    await expect(publish(node, "s")).rejects.toThrow(unavailable(/is away/));
    await eventually(() => node.missed).toBe(1);
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
    await publish(node, "s", "3");
    await eventually(() => node.heard).toEqual(["s: 1", "s: 2", "s: 3"]);
  });

  it("hears what its user may hear when one stream is refused, and says which", async () => {
    const channels = ["resetchannels", "&__anycable_internal__", "&ok/*"];
    await redisCall(url, ["ACL", "SETUSER", "cable", "on", ">s3cret", "+@all", ...channels]);
    const node = await start({ redis: { url: `redis://cable:s3cret@127.0.0.1:${server.port}` } });
    const streams = [...Array.from({ length: 300 }, (_, at) => `ok/${at}`), "refused"];
    await Promise.all(streams.map(async (stream) => node.pubsub.subscribe(stream)));
    await publish(node, "ok/0");
    await publish(node, "ok/299");
    await eventually(() => node.heard).toEqual(["ok/0: 1", "ok/299: 1"]);
    const refusals = node.log.lines.filter(({ message }) => /refuses a subscription/.test(message));
    expect(refusals).toMatchObject([{ level: "warn", fields: { channel: "refused" } }]);
    await expect(publish(node, "refused")).rejects.toThrow(unavailable(/NOPERM/));
    expect(JSON.stringify(node.log.lines)).not.toContain("s3cret");
    // Permitted later, it stands with the next connection.
    await redisCall(url, ["ACL", "SETUSER", "cable", "allchannels"], ["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => node.missed).toBe(1);
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
    await publish(node, "refused");
    await eventually(() => node.heard.at(-1)).toBe("refused: 1");
  });

  it("is not connected while it may not hear what concerns all nodes", async () => {
    await redisCall(url, ["ACL", "SETUSER", "cable", "on", ">s3cret", "+@all", "resetchannels", "&ok/*"]);
    const node = await begin({ redis: { url: `redis://cable:s3cret@127.0.0.1:${server.port}` } });
    await eventually(() => node.pubsub.state!().problem).toBe("it answered NOPERM");
    await redisCall(url, ["ACL", "SETUSER", "cable", "allchannels"]);
    await eventually(() => node.pubsub.state!().isConnected).toBe(true);
  });
});
