// Redis is several servers, one of which dies under load: another one takes its place.

import { afterEach, describe, expect, it } from "vitest";
import { ClusterStage, streams } from "../support/cluster-stage.ts";
import { nodeUrl, startCluster } from "../support/redis-cluster.ts";
import { redisCall } from "../support/redis-client.ts";
import { knowsReplicas, startSentinel } from "../support/redis-sentinel.ts";
import { startRedis } from "../support/redis-server.ts";

let stage: ClusterStage;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await stage.end();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe("two nodes behind a sentinel", () => {
  it(
    "go on with the replica when the master is killed: clients know that they may have missed something",
    { timeout: 60_000 },
    async () => {
      const master = await startRedis();
      const replica = await startRedis({ config: ["--replicaof", "127.0.0.1", String(master.port)] });
      const sentinel = await startSentinel({ master });
      cleanups.push(() => Promise.all([sentinel, master, replica].map((server) => server.kill())));
      await knowsReplicas(sentinel.url, 1);
      stage = await ClusterStage.start([
        "--broker=redis",
        "--pubsub=redis",
        "--redis_url=redis://mymaster",
        `--redis_sentinels=127.0.0.1:${sentinel.port}`,
      ]);
      await stage.crowd();
      await stage.load();
      await master.kill();
      for (const watch of stage.watches) await watch.says("degraded");
      await stage.isWhole();
      expect(Math.min(...stage.clients.map(({ timesTold }) => timesTold))).toBeGreaterThanOrEqual(streams.length);
      for (const watch of stage.watches) {
        expect(watch.statuses).toEqual(["ready", "degraded", "ready"]);
        for (const part of ["broker redis", "pubsub redis"]) expect(watch.problemsOf(part)).toMatch(/closed|ECONN|EPIPE|master/);
      }
    },
  );
});

describe("two nodes and a cluster of three masters", () => {
  it.each([
    ["pub/sub", []],
    ["sharded pub/sub", ["--redis_sharded_pubsub"]],
  ])("lose what one of them had when it is killed, and nothing else: with %s", { timeout: 60_000 }, async (_kind, flags) => {
    const cluster = await startCluster();
    cleanups.push(() => cluster.kill());
    const rooms = Array.from({ length: 9 }, (_, number) => `room/${number}`);
    stage = await ClusterStage.start(["--broker=redis", "--pubsub=redis", `--redis_url=${cluster.nodes.map(nodeUrl).join(",")}`, ...flags]);
    await stage.crowd(12, { streams: rooms });
    await stage.load({ streams: rooms, everyMs: 40 });
    expect(stage.timesTold).toBe(0);
    const victim = cluster.nodes[0]!;
    const [keys] = (await redisCall(nodeUrl(victim), ["KEYS", "*:h:*"])) as [string[]];
    const lost = rooms.filter((room) => keys.some((key) => key.endsWith(`:${room}`)));
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(rooms.length);
    await victim.kill();
    for (const watch of stage.watches) await watch.says("degraded");
    // Streams of the other masters go on meanwhile.
    for (const publisher of stage.publishers) if (!lost.includes(publisher.stream)) await publisher.more(5);
    await stage.isWhole();
    for (const client of stage.clients) expect(client.toldOf.toSorted()).toEqual(lost.toSorted());
    for (const watch of stage.watches) {
      expect(watch.statuses).toEqual(["ready", "degraded", "ready"]);
      expect(watch.problemsOf("broker redis")).toMatch(/closed|ECONN|EPIPE|slots/);
    }
  });
});
