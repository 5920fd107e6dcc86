// Nodes end, by force or in good order, while everything goes on.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClusterStage, streams } from "../support/cluster-stage.ts";
import { burstOverRedisx } from "../support/numbered-publisher.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import type { Ropeway } from "../support/ropeway.ts";

let redis: RedisServer;
let url: string;
let stage: ClusterStage;
beforeEach(async () => {
  redis = await startRedis();
  url = `redis://127.0.0.1:${redis.port}`;
  stage = await ClusterStage.start(["--broker=redis", "--pubsub=redis", `--redis_url=${url}`, "--history_limit=10000"]);
});
afterEach(async () => {
  await stage.end();
  await redis.kill();
});

/** How many entries of the stream are in a node's hand. */
async function inHandOf(node: Ropeway): Promise<number> {
  const [[, , , consumers]] = (await redisCall(url, ["XPENDING", "__anycable__", "bx"])) as [
    [number, string, string, [string, string][] | null],
  ];
  const id = String(node.log[0]!["nodeid"]);
  return Number((consumers ?? []).find(([consumer]) => consumer.startsWith(id))?.[1] ?? 0);
}

/** Stops a node for ever, in the middle of what redisx gave it to do. */
async function killInMidBatch(node: Ropeway): Promise<number> {
  for (;;) {
    node.process.kill("SIGSTOP");
    const inHand = await inHandOf(node);
    if (inHand > 1) {
      await node.stop("SIGKILL");
      return inHand;
    }
    node.process.kill("SIGCONT");
  }
}

describe("a node is killed in the middle of a batch of redisx", () => {
  it("and another one takes over what it had in hand: nothing is lost, and its clients go on there", { timeout: 60_000 }, async () => {
    const [victim, heir] = stage.nodes as [Ropeway, Ropeway];
    await stage.crowd();
    await stage.load({ redisxUrl: url, redisxPromise: "at least once" });
    stage.bursts.push(await burstOverRedisx(url, { name: "burst", stream: streams[0]! }, 3_000));
    await killInMidBatch(victim);
    await heir.logged("Publications of another consumer were taken over");
    await stage.startAgain(0);
    await stage.isWhole();
    expect(await inHandOf(victim)).toBe(0);
    expect(stage.timesTold).toBe(0);
    // Half of the clients were at the victim, and all of them went on with their sessions at the other node.
    const returned = stage.clients.filter(({ arrivals }) => arrivals.length > 1);
    expect(returned).toHaveLength(stage.clients.length / 2);
    expect(returned.every(({ arrivals }) => arrivals.at(-1)!.isRestored)).toBe(true);
    expect(stage.watches[1]!.statuses).toEqual(["ready"]);
  });
});

describe("200 clients at one node", () => {
  it("that is killed all come back at once when it is up again, and miss nothing", { timeout: 60_000 }, async () => {
    const next = (): string => stage.nodes[0]!.cable;
    await stage.crowd(200, { next });
    await stage.load({ redisxUrl: url, redisxPromise: "at least once", everyMs: 100 });
    await stage.nodes[0]!.stop("SIGKILL");
    await stage.startAgain(0);
    await stage.isWhole();
    expect(stage.timesTold).toBe(0);
    expect(stage.clients.every(({ arrivals }) => arrivals.at(-1)!.isRestored)).toBe(true);
    expect(stage.watches[0]!.statuses).toEqual(expect.arrayContaining(["ready", "gone", "ready"]));
  });
});

describe("one node after the other is replaced", () => {
  it("with SIGTERM: clients are told to come back, and miss nothing", { timeout: 60_000 }, async () => {
    await stage.crowd(60);
    await stage.load({ redisxUrl: url, everyMs: 20 });
    for (const [at, node] of stage.nodes.entries()) {
      expect(await node.stop("SIGTERM")).toBe(0);
      await stage.more(20);
      await stage.startAgain(at);
      await stage.nodes[at]!.becomesReady();
    }
    await stage.isWhole();
    expect(stage.timesTold).toBe(0);
    expect(new Set(stage.clients.flatMap(({ endings }) => endings))).toEqual(new Set(["server_restart"]));
  });
});
