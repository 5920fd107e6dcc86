// What other nodes hear of a session that goes on with another connection.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { connectExt } from "../support/ext-client.ts";
import { redisCall } from "../support/redis-client.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

describe("sessions of which the application hears nothing", () => {
  let redis: RedisServer;
  let url: string;
  let node: Ropeway;

  beforeAll(async () => {
    redis = await startRedis();
    url = `redis://127.0.0.1:${redis.port}`;
    node = await startRopeway(["--noauth", "--public_streams", "--norpc", "--broker=redis", "--pubsub=redis", `--redis_url=${url}`]);
    await node.becomesReady();
  });
  afterAll(async () => {
    await node.stop();
    await redis.kill();
  });

  const announced = async (): Promise<number> => {
    const [stats] = await redisCall(url, ["INFO", "commandstats"]);
    return Number(/cmdstat_publish:calls=(\d+)/.exec(String(stats))?.[1] ?? 0);
  };

  const haveLeft = async (): Promise<number> => {
    const [keys] = await redisCall(url, ["KEYS", "*session*"]);
    const texts = await redisCall(url, ...(keys as string[]).map((key) => ["GET", key]));
    return texts.filter((text) => String(text).includes('"g":true')).length;
  };

  it("cost other nodes nothing when the old connection is known to be over", async () => {
    const { client, sid } = await connectExt(node.cable);
    await client.drop();
    await eventually(haveLeft).toBe(1);
    const back = await connectExt(`${node.cable}?sid=${sid}`);
    expect(back.welcome).toMatchObject({ restored: true });
    await back.client.sync();
    expect(await announced()).toBe(0);
    await back.client.close();
  });

  it("are ended on whichever node still has the old connection", async () => {
    const before = await announced();
    const { client, sid } = await connectExt(node.cable);
    const back = await connectExt(`${node.cable}?sid=${sid}`);
    expect(back.welcome).toMatchObject({ restored: true });
    expect(await client.next()).toMatchObject({ reason: "session_restored" });
    await eventually(announced).toBe(before + 1);
    await back.client.close();
  });
});
