import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { StreamHistory } from "../../src/broker/broker.ts";
import { BrokerStage } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { Journal, publicationOf } from "../support/history-journal.ts";
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

  async function publish(stream: string, count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      const publication = publicationOf(stream, number);
      await vi.waitFor(async () => journal.stored(publication, await history.append(publication)), { timeout: 10_000, interval: 20 });
    }
  }

  /** Nothing is told to be whole that is not. */
  async function check(...streams: string[]): Promise<void> {
    for (const stream of streams) {
      for (const position of journal.positions(stream)) journal.check(stream, position, await history.after(stream, position));
    }
  }

  /** The replica stays as it is, and can't come back until `mend`. */
  async function cutOff(): Promise<{ readonly mend: () => Promise<void> }> {
    const [master] = await roles();
    const other = "other-pa55";
    await redisCall(urlOf(master), ["CONFIG", "SET", "requirepass", other], ["CLIENT", "KILL", "TYPE", "replica"]);
    return {
      mend: async () => {
        await redisCall(`redis://:${other}@127.0.0.1:${master.port}`, ["CONFIG", "SET", "requirepass", password]);
      },
    };
  }

  async function noMoreAt(server: RedisServer): Promise<void> {
    await eventually(async () => (await roles())[0] === server).toBe(false);
    await eventually(() => settledOf(history)).toBe(true);
  }

  it("to a replica with everything keeps publishers and readers going", async () => {
    const [master] = await roles();
    await publish("a", 20);
    await publish("b", 1);
    await redisCall(urlOf(master), ["WAIT", "1", "5000"]);
    await master.kill();
    await publish("a", 20);
    await check("a", "b");
    await master.restart();
    await whole();
  });

  it("to a replica that lags, and back, leaves no hole and gives no position twice", async () => {
    const [first, second] = await roles();
    await publish("busy", 8);
    await publish("silent", 8);
    await redisCall(urlOf(first), ["WAIT", "1", "5000"]);
    const { mend } = await cutOff();
    // What the replica never gets.
    await publish("busy", 3);
    await publish("silent", 3);
    await publish("only here", 3);
    first.freeze();
    await noMoreAt(first);
    await publish("busy", 5);
    // The same process becomes a replica, and master again: with the data of the other one, and without what that never got.
    first.thaw();
    await mend();
    await whole();
    await redisCall(sentinel.url, ["SENTINEL", "FAILOVER", "mymaster"]);
    await noMoreAt(second);
    await check("busy", "silent", "only here");
    for (const stream of ["silent", "only here"]) {
      expect(await history.after(stream, journal.positions(stream).at(-1)!)).toMatchObject({ status: "gone" });
      expect(await history.after(stream, journal.positions(stream)[0]!)).toMatchObject({ status: "gone" });
    }
    for (const stream of ["busy", "silent", "only here"]) await publish(stream, 6);
    await check("busy", "silent", "only here");
    await whole();
  });
});

/** Whether it can be asked. */
async function settledOf(history: StreamHistory): Promise<boolean> {
  try {
    await history.head("any");
    return true;
  } catch {
    return false;
  }
}
