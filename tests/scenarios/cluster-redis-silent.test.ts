// Redis says nothing any more while its connections look well: because it stands still, or because the network swallows what is said.

import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClusterStage, streams } from "../support/cluster-stage.ts";
import { NumberedPublisher, overHttp } from "../support/numbered-publisher.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { tcpProxy } from "../support/tcp-proxy.ts";

const PAUSE_MS = 20_000;

let redis: RedisServer;
let stage: ClusterStage;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await stage.end();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await redis.kill();
});

const flagsFor = (port: number): string[] => ["--broker=redis", "--pubsub=redis", `--redis_url=redis://127.0.0.1:${port}`];

describe("Redis stands still for 20 seconds", () => {
  it("and nobody misses anything: what was not stored was refused, and clients stay connected", { timeout: 60_000 }, async () => {
    stage = await ClusterStage.start(flagsFor(redis.port));
    await stage.crowd();
    await stage.load({ redisxUrl: `redis://127.0.0.1:${redis.port}` });
    const [first] = stage.publishers;
    redis.freeze();
    const sentBefore = first!.sent.length;
    // This is what is tried: nothing else tells that the time is up.
    await pause(PAUSE_MS);
    // Refused after some seconds, not kept waiting.
    expect(first!.sent.length).toBeGreaterThan(sentBefore + 1);
    redis.thaw();
    await stage.isWhole();
    expect(stage.timesTold).toBe(0);
    expect(stage.clients.flatMap(({ endings }) => endings)).toEqual([]);
    for (const { readings, statuses } of stage.watches) {
      expect(statuses.slice(0, 3)).toEqual(["ready", "degraded", "unready"]);
      expect(statuses.at(-1)).toBe("ready");
      expect(readings.find(({ status }) => status === "unready")).toMatchObject({
        http: 503,
        away: { "broker redis": expect.stringContaining("does not answer") },
      });
      // The first to notice is who wants an answer, long before the connection is given up.
      expect(Object.keys(readings[1]!.away)).toEqual(["broker redis"]);
    }
  });
});

describe("the connection between one node and Redis looks well, and nothing comes through", () => {
  it("for what is published: that is noticed, and what was missed is read from the history", { timeout: 60_000 }, async () => {
    const wire = await tcpProxy(redis.port);
    cleanups.push(() => wire.close());
    stage = await ClusterStage.start([...flagsFor(redis.port), "--history_limit=10000"], 1);
    await stage.add(flagsFor(wire.port));
    await stage.crowd(12, { streams: [...streams, "quiet"] });
    await stage.load({ redisxUrl: `redis://127.0.0.1:${redis.port}` });
    // The channel that only the subscribing connection names.
    wire.hold("__anycable_internal__");
    // Nothing comes after this that could tell what was missed.
    const quiet = new NumberedPublisher({ name: "quiet", stream: "quiet", send: overHttp(() => stage.nodes) });
    await quiet.more(3);
    await quiet.stop();
    stage.bursts.push(quiet);
    const [other, watch] = stage.watches;
    await watch!.said("degraded");
    await stage.isWhole();
    expect(stage.timesTold).toBe(0);
    expect(stage.clients.flatMap(({ endings }) => endings)).toEqual([]);
    expect(watch!.statuses).toEqual(["ready", "degraded", "ready"]);
    expect(watch!.problemsOf("pubsub redis")).toMatch("does not answer");
    expect(await stage.nodes[1]!.metric("anycable_go_missed_publications_total")).toBeGreaterThan(streams.length);
    expect(other!.statuses).toEqual(["ready"]);
  });
});
