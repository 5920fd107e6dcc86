// Nodes that reach each other through NATS, which dies under load and comes back.

import { WebSocket } from "ws";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { eventually } from "../support/eventually.ts";
import { overNats } from "../support/numbered-publisher.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";
import { startRedis } from "../support/redis-server.ts";

let nats: NatsServer;
let stage: ClusterStage;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  nats = await startNats();
});
afterEach(async () => {
  await stage.end();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await nats.kill();
});

async function dies({
  isEmpty = false,
  meanwhile = async () => {},
}: { isEmpty?: boolean; meanwhile?: () => Promise<void> } = {}): Promise<void> {
  await nats.kill();
  for (const watch of stage.watches) await watch.says("degraded");
  await meanwhile();
  await nats.restart({ empty: isEmpty });
  await stage.isWhole();
  for (const watch of stage.watches) {
    expect(watch.statuses).toEqual(["ready", "degraded", "ready"]);
    expect(watch.problemsOf("pubsub nats")).toMatch(/refused|closed|ECONN|EPIPE/);
  }
}

describe("NATS is killed and started again under load", { timeout: 60_000 }, () => {
  it("with a history in Redis: nobody misses anything, and nobody is disconnected", async () => {
    const redis = await startRedis();
    cleanups.push(() => redis.kill());
    const url = `redis://127.0.0.1:${redis.port}`;
    // As much as a slow machine may have to make up for.
    stage = await ClusterStage.start([
      "--broker=redis",
      "--pubsub=nats",
      "--history_limit=1000",
      `--redis_url=${url}`,
      `--nats_servers=${nats.url}`,
    ]);
    await stage.crowd();
    await stage.load({ redisxUrl: url, redisxPromise: "at least once" });
    const redisx = stage.publishers.at(-1)!;
    await dies({ meanwhile: () => redisx.more(100) });
    // What was on its way when NATS died is stored again. What is tried again and again meanwhile is not.
    const copies = (number: number): number => stage.clients[0]!.timesHeard(redisx, number);
    expect(Math.max(...redisx.sent.map((_, number) => copies(number)))).toBeLessThanOrEqual(2);
    expect(stage.timesTold).toBe(0);
    expect(stage.clients.flatMap(({ endings }) => endings)).toEqual([]);
    for (const watch of stage.watches) expect(watch.problemsOf("broker redis")).toBe("");
  });

  it("with a history in each node: clients know that they may have missed something, and go on", async () => {
    stage = await ClusterStage.start(["--broker=memory", "--pubsub=nats", "--broadcast_adapter=http", `--nats_servers=${nats.url}`]);
    await stage.crowd();
    await stage.load();
    // A node that did not listen before they came could not say what was published in that second.
    const before = stage.clients.map(({ timesTold }) => timesTold);
    await dies();
    const since = stage.clients.map(({ timesTold }, at) => timesTold - before[at]!);
    // Of which streams is for `isWhole` to judge.
    expect(Math.min(...since)).toBeGreaterThan(0);
  });

  it.each([
    ["with its store: nobody misses anything", false],
    ["without its store: clients know that they may have missed something, and go on", true],
  ])("with a history in JetStream, %s", async (_what, isEmpty) => {
    await nats.kill();
    nats = await startNats({ jetstream: true });
    stage = await ClusterStage.start(["--broker=nats", "--broadcast_adapter=http", "--history_limit=1000", `--nats_servers=${nats.url}`]);
    await stage.crowd();
    await stage.load();
    await dies({ isEmpty });
    const told = stage.clients.map(({ timesTold }) => timesTold);
    if (isEmpty) expect(Math.min(...told)).toBeGreaterThan(0);
    else expect(Math.max(...told)).toBe(0);
  });

  it("as the way in for publications: only what was published meanwhile is lost, and nobody is disconnected", async () => {
    stage = await ClusterStage.start(["--broadcast_adapter=nats", `--nats_servers=${nats.url}`]);
    const identifier = publicStream("plain");
    const clients = await Promise.all(stage.nodes.map(({ cable }) => CableClient.connect(cable)));
    for (const client of clients) await client.subscribe(identifier);
    const send = overNats(nats.url);
    cleanups.push(send.close);
    const publisher = stage.publish({ name: "nats", stream: "plain", send });
    await publisher.more(50);
    const before = publisher.sent.length;
    await nats.kill();
    for (const watch of stage.watches) await watch.says("degraded");
    await nats.restart();
    for (const watch of stage.watches) await watch.says("ready");
    // One may have been on its way before.
    const after = publisher.sent.length + 1;
    await publisher.more(50);
    await publisher.stop();
    for (const client of clients) {
      const heard = (): number[] => client.unread.map(({ message }) => (message as { readonly number: number }).number);
      await eventually(() => heard().at(-1)).toBe(publisher.sent.length - 1);
      expect(heard()).toEqual(heard().toSorted((one, other) => one - other));
      const whole = publisher.sent.flatMap((_, number) => (number < before - 1 || number >= after ? [number] : []));
      expect(new Set(heard()).size).toBe(heard().length);
      expect(whole.filter((number) => !heard().includes(number))).toEqual([]);
      expect(client.socket.readyState).toBe(WebSocket.OPEN);
      await client.close();
    }
    for (const watch of stage.watches) expect(watch.problemsOf("broadcaster nats")).toMatch(/refused|closed|ECONN|EPIPE/);
  });
});
