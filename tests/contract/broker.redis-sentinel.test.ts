import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { StreamHistory } from "../../src/broker/broker.ts";
import { BrokerStage } from "../support/broker-rig.ts";
import { Journal } from "../support/history-journal.ts";
import { openRedisRig } from "../support/redis-broker-rig.ts";
import { redisCall } from "../support/redis-client.ts";
import { knowsReplicas, startSentinel } from "../support/redis-sentinel.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { brokerContract } from "./broker.contract.ts";

const password = "data-pa55";
const urlOf = (server: RedisServer): string => `redis://:${password}@127.0.0.1:${server.port}`;

let servers: readonly [RedisServer, RedisServer];
let sentinel: Awaited<ReturnType<typeof startSentinel>>;

beforeAll(async () => {
  const secrets = ["--requirepass", password, "--masterauth", password];
  const master = await startRedis({ config: secrets });
  const replica = await startRedis({ config: [...secrets, "--replicaof", "127.0.0.1", String(master.port)] });
  servers = [master, replica];
  sentinel = await startSentinel({ master, dataPassword: password });
  await knowsReplicas(sentinel.url, 1);
});
afterAll(async () => {
  for (const server of [...servers, sentinel]) await server.kill();
});

const redis = () => ({ url: `redis://:${password}@mymaster/2`, sentinels: [`127.0.0.1:${sentinel.port}`] });

/** The one that the sentinel calls master, and the other one. */
async function roles(): Promise<readonly [RedisServer, RedisServer]> {
  const [[, port]] = (await redisCall(sentinel.url, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"])) as [[string, string]];
  return Number(port) === servers[0].port ? [servers[0], servers[1]] : [servers[1], servers[0]];
}

/** Waits until there is a master with a replica that has all of its data. */
async function whole(): Promise<void> {
  await knowsReplicas(sentinel.url, 1);
  await vi.waitFor(
    async () => {
      const [master, replica] = await roles();
      const [[role, ...rest], [otherRole, , , state]] = (
        await Promise.all([master, replica].map((server) => redisCall(urlOf(server), ["ROLE"])))
      ).map(([reply]) => reply) as [unknown[], unknown[]];
      expect([role, (rest[1] as unknown[]).length, otherRole, state]).toEqual(["master", 1, "slave", "connected"]);
    },
    { timeout: 20_000, interval: 20 },
  );
}

const open = () => openRedisRig({ servers: () => servers, urlOf, settled: whole, options: () => ({ redis: redis() }) });

brokerContract("redis, behind a sentinel", open);

describe("a failover", () => {
  let stage: BrokerStage;
  let history: StreamHistory;
  let journal: Journal;
  beforeEach(async () => {
    stage = new BrokerStage(await open());
    history = (await stage.node()).broker.history!;
    journal = new Journal();
  });
  afterEach(() => stage.close());

  it("to a replica with everything keeps publishers and readers going", { timeout: 60_000 }, async () => {
    const [master] = await roles();
    await journal.publish(history, "a", 20);
    await journal.publish(history, "b", 1);
    await redisCall(urlOf(master), ["WAIT", "1", "5000"]);
    await master.kill();
    await journal.publish(history, "a", 20);
    await journal.checkAll(history, "a", "b");
    await master.restart();
    await whole();
  });
});
