// A client whose clock is fast asks for what was said since a moment that is still to come.

import { afterEach, beforeEach, expect, it } from "vitest";
import { publicStream } from "../support/cable-client.ts";
import { connectExt } from "../support/ext-client.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { tcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

let redis: RedisServer;
let wire: TcpProxy;
let here: Ropeway;
let there: Ropeway;

beforeEach(async () => {
  redis = await startRedis();
  wire = await tcpProxy(redis.port);
  const flags = ["--noauth", "--public_streams", "--norpc", "--broker=redis", "--pubsub=redis"];
  here = await startRopeway([...flags, `--redis_url=redis://127.0.0.1:${redis.port}`]);
  there = await startRopeway([...flags, `--redis_url=redis://127.0.0.1:${wire.port}`]);
  await Promise.all([here.becomesReady(), there.becomesReady()]);
});
afterEach(async () => {
  await Promise.all([here.stop(), there.stop()]);
  await wire.close();
  await redis.kill();
});

it("hears all that is published once it is back, also what was still on its way to its node when it asked", async () => {
  const identifier = publicStream("chat");
  const { client, sid } = await connectExt(there.cable);
  await client.subscribe(identifier);
  await client.drop();
  await there.metricBecomes("anycable_go_clients_num", 0);

  const back = await connectExt(`${there.cable}?sid=${sid}`);
  expect(back.welcome).toMatchObject({ restored_ids: [identifier] });
  // The channel that only the subscribing connection names.
  wire.hold("__anycable_internal__");
  expect(await here.publish({ stream: "chat", data: "1" })).toBe(201);
  back.client.say({ command: "history", identifier, history: { since: Math.floor(Date.now() / 1_000) + 60 } });
  expect(await back.client.next()).toEqual({ type: "confirm_history", identifier });
  expect(await here.publish({ stream: "chat", data: "2" })).toBe(201);
  wire.release();
  expect([await back.client.next(), await back.client.next()]).toMatchObject([
    { message: 1, offset: 1 },
    { message: 2, offset: 2 },
  ]);
  await back.client.close();
});
