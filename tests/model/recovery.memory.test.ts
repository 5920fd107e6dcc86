import { expect, it } from "vitest";
import { explore } from "./explore.ts";
import { openMemoryGround } from "./memory-ground.ts";

it("keeps the promise of recovery on one node with a memory broker, whatever happens in whatever order", async () => {
  const explored = await explore({ openGround: openMemoryGround, nodes: 1, runs: 10_000 });
  console.info(`recovery on memory: ${JSON.stringify(explored)}`);
  expect(explored.confirmed).toBeGreaterThan(explored.runs);
}, 300_000);
