// The REST API of two servers that share a Redis: any of them answers for all, and says so when it can't.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { publicStream } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { connectExt } from "../support/ext-client.ts";
import { undocumented } from "../support/openapi.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

let redis: RedisServer;
let nodes: readonly Ropeway[] = [];

beforeEach(async () => {
  redis = await startRedis();
  const flags = [...standalone, "--broker=redis", `--redis_url=redis://127.0.0.1:${redis.port}`, "--api_secret=api-key"];
  nodes = await Promise.all([startRopeway(flags), startRopeway(flags)]);
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await redis.kill();
});

interface Answer {
  readonly status: number;
  readonly json: unknown;
  readonly retryAfter: string | null;
}

async function ask(node: Ropeway, operationId: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(node.http(`/api${path}`), { ...init, headers: { authorization: "Bearer api-key" } });
  const body = await response.text();
  const { status, headers } = response;
  expect(undocumented(operationId, { status, contentType: headers.get("content-type"), body })).toEqual([]);
  return { status, json: body === "" ? undefined : (JSON.parse(body) as unknown), retryAfter: headers.get("retry-after") };
}

function publish(node: Ropeway, data: string): Promise<Answer> {
  return ask(node, "publish", "/publish", { method: "POST", body: JSON.stringify({ stream: "room/1", data }) });
}

function history(node: Ropeway, query = ""): Promise<Answer> {
  return ask(node, "streamHistory", `/streams/room%2F1/history${query}`);
}

function users(node: Ropeway): Promise<Answer> {
  return ask(node, "presenceUsers", "/presence/room%2F1/users");
}

describe("the API of nodes that share a Redis", () => {
  it("is the same on each", async () => {
    const [here, there] = nodes as [Ropeway, Ropeway];
    await Promise.all([here.becomesReady(), there.becomesReady()]);
    expect((await publish(here, "1")).status).toBe(201);
    expect((await publish(there, "2")).status).toBe(201);
    const answers = [await history(here), await history(there)];
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[0]!.json).toMatchObject({ scope: "cluster", head: { offset: 2 }, publications: [{ data: "1" }, { data: "2" }] });

    const { client } = await connectExt(here.cable);
    await client.subscribe(publicStream("room/1"));
    client.say({ command: "join", identifier: publicStream("room/1"), presence: { id: "7", info: { name: "Alice" } } });
    await client.next();
    const present = { type: "info", total: 1, records: [{ id: "7", info: { name: "Alice" } }] };
    for (const node of nodes) expect((await users(node)).json).toEqual(present);
    await client.close();
  });

  it("asks to come back while Redis is away, and knows afterwards that positions were lost with it", async () => {
    const [here] = nodes as [Ropeway];
    await here.becomesReady();
    expect((await publish(here, "1")).status).toBe(201);
    const { epoch } = ((await history(here)).json as { readonly head: { readonly epoch: string } }).head;

    await redis.kill();
    await eventually(async () => (await history(here)).status).toBe(503);
    const unavailable = { status: 503, retryAfter: "1", json: { error: { code: "broker.unavailable" } } };
    expect(await history(here)).toMatchObject(unavailable);
    expect(await history(here, `?after=1&epoch=${epoch}`)).toMatchObject(unavailable);
    expect(await users(here)).toMatchObject(unavailable);
    expect(await publish(here, "2")).toMatchObject({ status: 503, retryAfter: "1", json: { error: { code: "publication.unavailable" } } });
    expect(await ask(here, "node", "/node")).toMatchObject({
      status: 200,
      json: { status: "degraded", broker: { name: "redis", history: "cluster" }, parts: { "broker redis": { ok: false } } },
    });

    await redis.restart();
    await eventually(async () => (await publish(here, "3")).status).toBe(201);
    expect((await history(here, `?after=0&epoch=${epoch}`)).status).toBe(410);
    expect((await history(here)).json).toMatchObject({ publications: [{ data: "3" }] });
  });
});
