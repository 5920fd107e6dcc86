// Redis dies under load and comes back: with all that it had, with nothing, or with what it had a while ago.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ClusterStage, streams } from "../support/cluster-stage.ts";
import { eventually } from "../support/eventually.ts";
import type { NumberedSource } from "../support/numbered-publisher.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

let redis: RedisServer;
let stage: ClusterStage;
afterEach(async () => {
  await stage.end();
  await redis.kill();
});

async function begin(config: readonly string[], redisxPromise: NumberedSource["promise"]): Promise<string> {
  redis = await startRedis({ config });
  const url = `redis://127.0.0.1:${redis.port}`;
  stage = await ClusterStage.start(["--broker=redis", "--pubsub=redis", `--redis_url=${url}`]);
  await stage.crowd();
  await stage.load({ redisxUrl: url, redisxPromise });
  return url;
}

/** Everybody was told of every stream: the epoch is another one. And each node said why it was not ready, and that it is again. */
function expectTold(): void {
  expect(Math.min(...stage.clients.map(({ timesTold }) => timesTold))).toBeGreaterThanOrEqual(streams.length);
  for (const watch of stage.watches) {
    expect(watch.statuses).toEqual(["ready", "degraded", "ready"]);
    for (const part of ["broker redis", "pubsub redis", "broadcaster redisx"]) expect(watch.problemsOf(part)).toMatch(/closed|ECONN|EPIPE/);
  }
}

describe("Redis is killed and started again under load", { timeout: 60_000 }, () => {
  it("with its data: nothing that redisx had is left undone, and clients know that they may have missed something", async () => {
    const url = await begin(["--appendonly", "yes", "--appendfsync", "always"], "at least once");
    await redis.kill();
    await redis.restart();
    await stage.isWhole();
    expectTold();
    // What one node refused while it was not back altogether is tried again with longer and longer pauses.
    await eventually(async () => (await redisCall(url, ["XLEN", "__anycable__"]))[0]).toBe(0);
  });

  it("without its data: clients know that they may have missed something, and go on", async () => {
    await begin([], "at least once");
    await redis.kill();
    await redis.restart();
    await stage.isWhole();
    expectTold();
  });

  it("with older data: no position is given out twice, and clients know that they may have missed something", async () => {
    const url = await begin([], "at least once");
    await redisCall(url, ["SAVE"]);
    const snapshot = join(redis.folder, "dump.rdb");
    copyFileSync(snapshot, join(redis.folder, "older.rdb"));
    await stage.more(50);
    await redis.kill();
    copyFileSync(join(redis.folder, "older.rdb"), snapshot);
    await redis.restart();
    await stage.isWhole();
    expectTold();
  });
});
