// What is acknowledged may be lost when a Redis that lags takes over. Two plain servers, and a wire that leads to one of them, make it happen
// just so.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StreamHistory } from "../../src/broker/broker.ts";
import { BrokerStage, connected, type BrokerNode } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { Journal } from "../support/history-journal.ts";
import { openRedisRig, plainUrl } from "../support/redis-broker-rig.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { tcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

describe("a failover to a replica that lags", () => {
  let first: RedisServer;
  let second: RedisServer;
  let wire: TcpProxy;
  let stage: BrokerStage;
  let node: BrokerNode;
  let history: StreamHistory;
  let journal: Journal;

  beforeEach(async () => {
    [first, second] = await Promise.all([startRedis(), startRedis()]);
    wire = await tcpProxy(first.port);
    await follow(second, first);
    const options = () => ({ redis: { url: `redis://127.0.0.1:${wire.port}` } });
    stage = new BrokerStage(await openRedisRig({ servers: () => [first], options }));
    node = await stage.node();
    history = node.broker.history!;
    journal = new Journal();
  });
  afterEach(async () => {
    await stage.close();
    await wire.close();
    await Promise.all([first.kill(), second.kill()]);
  });

  /** One has all that the other one has, and becomes what that is. */
  async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
    await redisCall(plainUrl(replica), ["REPLICAOF", "127.0.0.1", String(master.port)]);
    await eventually(async () => (await redisCall(plainUrl(replica), ["ROLE"]))[0]).toMatchObject({ 0: "slave", 3: "connected" });
    await redisCall(plainUrl(master), ["SET", "mark", "x"], ["WAIT", "1", "5000"], ["DEL", "mark"], ["WAIT", "1", "5000"]);
  }

  async function promote(server: RedisServer): Promise<void> {
    await redisCall(plainUrl(server), ["REPLICAOF", "NO", "ONE"]);
  }

  async function use(server: RedisServer): Promise<void> {
    wire.aim(server.port);
    await eventually(() => node.broker.state!().isConnected).toBe(false);
    await connected(node);
  }

  it("leaves no hole, and gives no position twice", async () => {
    await journal.publish(history, "a", 8);
    await follow(second, first);
    await promote(second);
    await journal.publish(history, "a", 3);
    const lost = journal.positions("a").at(-1)!;
    expect(await history.after("a", lost)).toMatchObject({ status: "complete" });
    await use(second);
    expect(await journal.checkAll(history, "a")).toBe(0);
    await journal.publish(history, "a", 12);
    expect(await journal.checkAll(history, "a")).toBe(12);
  });

  it("and back again neither, though the process is the same that it was", async () => {
    const streams = ["busy", "silent", "only here"];
    await journal.publish(history, "busy", 8);
    await journal.publish(history, "silent", 8);
    await follow(second, first);
    await promote(second);
    // What the other one never gets.
    for (const stream of streams) await journal.publish(history, stream, 3);
    const lostSecond = Math.floor(stage.rig.nowMs() / 1_000);
    await use(second);
    await journal.publish(history, "busy", 5);
    await follow(first, second);
    await promote(first);
    await use(first);
    expect(await journal.checkAll(history, ...streams)).toBe(0);
    for (const stream of streams) expect(await history.since(stream, lostSecond, true)).toMatchObject({ status: "gone" });
    for (const stream of streams) await journal.publish(history, stream, 12);
    expect(await journal.checkAll(history, ...streams)).toBe(36);
  });

  it("whose connections are not noticed to have moved is found out by the script itself", async () => {
    await journal.publish(history, "a", 8);
    const before = journal.positions("a").at(-1)!;
    // The same process and the same connections, but what it has is another one's data now.
    await follow(second, first);
    await promote(second);
    await journal.publish(history, "a", 3);
    await follow(first, second);
    await promote(first);
    expect(node.broker.state!().isConnected).toBe(true);
    expect(await history.after("a", before)).toMatchObject({ status: "gone" });
    await journal.publish(history, "a", 12);
    expect(await journal.checkAll(history, "a")).toBe(12);
  });
});
