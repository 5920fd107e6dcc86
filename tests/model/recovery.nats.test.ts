import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNats, type NatsServer } from "../support/nats-server.ts";
import { explore } from "./explore.ts";
import { mortalNatsMedium, natsMedium } from "./nats-medium.ts";
import { openSharedGround } from "./shared-ground.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await startNats({ jetstream: true });
});
afterAll(() => server.kill());

describe("the promise of recovery on three nodes with a NATS broker", () => {
  it("is kept whatever happens in whatever order", async () => {
    const weights = { cut: 0.6, mend: 1.5 };
    const openGround = openSharedGround(async () => natsMedium(server));
    const explored = await explore({ openGround, nodes: 3, runs: 200, weights, atOnce: 12 });
    console.info(`recovery on NATS: ${JSON.stringify(explored)}`);
    expect(explored.confirmed).toBeGreaterThan(explored.runs / 2);
  }, 300_000);

  it("is kept when NATS dies and comes back, with all or with nothing", async () => {
    const weights = { "restart broker": 2 };
    const openGround = openSharedGround(mortalNatsMedium);
    const explored = await explore({ openGround, nodes: 2, runs: 50, weights, atOnce: 6 });
    console.info(`recovery with restarts of NATS: ${JSON.stringify(explored)}`);
    expect(explored.restarts).toBeGreaterThan(20);
  }, 300_000);
});
