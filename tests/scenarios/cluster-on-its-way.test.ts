// What is stored when a client asks for history, and still on its way to the client's node.

import { afterEach, beforeEach, expect, it } from "vitest";
import { publicStream } from "../support/cable-client.ts";
import { connectExt } from "../support/ext-client.ts";
import { redisCall } from "../support/redis-client.ts";
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

/** From the node there; all else that it wants of Redis it gets. */
function holdPublications(): void {
  // The channel that only the subscribing connection names.
  wire.hold("__anycable_internal__");
}

it("is heard by a client whose clock is fast, which asks for what was said since a moment that is still to come", async () => {
  const identifier = publicStream("chat");
  const { client, sid } = await connectExt(there.cable);
  await client.subscribe(identifier);
  await client.drop();
  await there.metricBecomes("anycable_go_clients_num", 0);

  const back = await connectExt(`${there.cable}?sid=${sid}`);
  expect(back.welcome).toMatchObject({ restored_ids: [identifier] });
  holdPublications();
  expect(await here.publish({ stream: "chat", data: "1" })).toBe(201);
  back.client.say({ command: "history", identifier, history: { since: Math.floor(Date.now() / 1_000) + 60 } });
  // As a rule the answer. A node that was still comparing its stream with Redis, after it had begun to listen, knows the message by that.
  const heard = [await back.client.next()];
  expect(await here.publish({ stream: "chat", data: "2" })).toBe(201);
  wire.release();
  heard.push(await back.client.next(), await back.client.next());
  expect(heard).toContainEqual({ type: "confirm_history", identifier });
  expect(heard.filter((message) => "message" in message)).toMatchObject([
    { message: 1, offset: 1 },
    { message: 2, offset: 2 },
  ]);
  await back.client.close();
});

it("is not heard behind what is newer, when Redis lost its data in between: the client has to come back", async () => {
  const identifier = publicStream("chat");
  const { client } = await connectExt(there.cable);
  await client.subscribe(identifier);
  // Behind this its node knows where the stream stands, and looks for nothing any more.
  expect(await here.publish({ stream: "chat", data: "0" })).toBe(201);
  expect(await client.next()).toMatchObject({ message: 0, offset: 1 });
  holdPublications();
  expect(await here.publish({ stream: "chat", data: "1" })).toBe(201);
  await redisCall(`redis://127.0.0.1:${redis.port}`, ["FLUSHALL"]);
  expect(await here.publish({ stream: "chat", data: "2" })).toBe(201);
  client.say({ command: "history", identifier, history: { since: Math.floor(Date.now() / 1_000) - 60 } });
  expect([await client.next(), await client.next()]).toMatchObject([{ message: 2, offset: 1 }, { type: "confirm_history" }]);
  wire.release();
  expect(await client.ended).toMatchObject({ code: 1013 });
  expect(client.unread).toEqual([]);
});
