import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { explore } from "./explore.ts";
import { mortalRedisMedium, redisMedium } from "./redis-medium.ts";
import { openSharedGround } from "./shared-ground.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.kill());

describe("the promise of recovery on three nodes with a Redis broker", () => {
  it("is kept whatever happens in whatever order", async () => {
    const weights = { cut: 0.6, mend: 1.5, "lose data": 0.2 };
    const openGround = openSharedGround(async () => redisMedium(server));
    const explored = await explore({ openGround, nodes: 3, runs: 300, weights, atOnce: 12 });
    console.info(`recovery on Redis: ${JSON.stringify(explored)}`);
    expect(explored.confirmed).toBeGreaterThan(explored.runs / 2);
  }, 300_000);

  it("is kept when Redis dies and comes back, with all, with less, or with nothing", async () => {
    const weights = { "restart broker": 2 };
    const openGround = openSharedGround(mortalRedisMedium);
    const explored = await explore({ openGround, nodes: 2, runs: 50, weights, atOnce: 6 });
    console.info(`recovery with restarts of Redis: ${JSON.stringify(explored)}`);
    expect(explored.restarts).toBeGreaterThan(20);
  }, 300_000);
});
