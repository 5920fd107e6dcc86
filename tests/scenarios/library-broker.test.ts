import { createServer as createHttpServer, type RequestListener } from "node:http";
import express from "express";
import { createMetrics, createServer, inProcessController, type Broker, type Identity, type Pubsub } from "ropeway";
import { memoryBroker } from "ropeway/memory-broker";
import { natsBroker } from "ropeway/nats-broker";
import { natsPubsub } from "ropeway/nats-pubsub";
import { redisBroker } from "ropeway/redis-broker";
import { redisPubsub } from "ropeway/redis-pubsub";
import { apiKey, restApi } from "ropeway/rest-api";
import { pubsubChannel } from "ropeway/signed-streams";
import { afterEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { startEmbedded, type Embedded } from "../support/embedded.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { startRedis } from "../support/redis-server.ts";
import { eventually } from "../support/eventually.ts";

const everybody: Identity = { identify: (_handshake, sid) => ({ status: "accepted", identifiers: sid }) };
const open = { identities: [everybody], localChannels: [pubsubChannel({ publicStreams: true })] };

describe("the library's", () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  async function start(...args: Parameters<typeof startEmbedded>): Promise<Embedded> {
    const embedded = await startEmbedded(...args);
    undo.push(() => embedded.stop());
    return embedded;
  }

  async function connect(url: string): Promise<Awaited<ReturnType<typeof connectExt>>> {
    const connected = await connectExt(url);
    undo.push(() => connected.client.drop());
    return connected;
  }

  /** Who has heard the first publication goes away, and comes back after three more. Resolves to what the client is told. */
  async function returning({ server, url }: Embedded, stream: string): Promise<{ readonly last: string; readonly bodies: unknown[] }> {
    const identifier = publicStream(stream);
    const { client, sid } = await connect(url);
    await client.subscribe(identifier);
    await server.publish(stream, 1);
    const first = await client.next();
    await client.drop();
    for (const number of [2, 3, 4]) await server.publish(stream, number);
    const { client: back } = await connect(`${url}?sid=${sid}`);
    const streams = first["epoch"] === undefined ? {} : { [stream]: positionOf(first) };
    back.say({ command: "history", identifier, history: { streams } });
    for (const heard: Awaited<ReturnType<typeof back.next>>[] = []; ;) {
      const message = await back.next();
      heard.push(message);
      if (String(message["type"]).endsWith("_history")) return { last: String(message["type"]), bodies: bodiesOf(heard) };
    }
  }

  describe("ropeway/memory-broker", () => {
    it("keeps what clients miss, of some streams less", async () => {
      const streams = [
        { pattern: "short/*", historyLimit: 2 },
        { pattern: "none/*", historyTtlMs: 0 },
      ];
      const embedded = await start({ ...open, broker: memoryBroker({ streams }) });
      expect(await returning(embedded, "news")).toEqual({ last: "confirm_history", bodies: [2, 3, 4] });
      expect(await returning(embedded, "short/1")).toEqual({ last: "reject_history", bodies: [] });
      expect(await returning(embedded, "none/1")).toEqual({ last: "reject_history", bodies: [] });
    });

    it("is told to keep no sessions, and nobody's presence", async () => {
      const { url } = await start({ ...open, broker: memoryBroker({ sessionsTtlMs: 0, presenceTtlMs: 0 }) });
      const { client, sid } = await connect(url);
      await client.subscribe(publicStream("room"));
      client.say({ command: "presence", identifier: publicStream("room") });
      expect(await client.next()).toMatchObject({ message: { type: "error" } });
      await client.drop();
      expect((await connect(`${url}?sid=${sid}`)).welcome["restored"]).toBeUndefined();
    });

    it("keeps what a server hears from others, if it is told that there are others", async () => {
      const redis = await startRedis();
      undo.push(() => redis.kill());
      const node = async (): Promise<Embedded> => {
        const pubsub = redisPubsub({ url: `redis://127.0.0.1:${redis.port}` });
        const embedded = await start({ ...open, pubsub, broker: memoryBroker({ hearsOthers: true }) });
        await eventually(() => pubsub.state?.().isConnected).toBe(true);
        return embedded;
      };
      const [here, there] = [await node(), await node()];
      const { client } = await connect(here.url);
      const identifier = publicStream("news");
      await client.subscribe(identifier);
      for (const number of [1, 2]) await there.server.publish("news", number);
      const first = await client.next();
      const { client: other } = await connect(here.url);
      other.say({ command: "subscribe", identifier, history: { streams: { news: positionOf(first) } } });
      expect(bodiesOf(await until(other, "confirm_history"))).toEqual([2]);
    });

    it.each([{ historyLimit: -1 }, { historyTtlMs: Number.NaN }, { streams: [{ pattern: "*", historyLimit: 1.5 }] }])(
      "can't be made with %j",
      (options) => {
        expect(() => memoryBroker(options)).toThrow(/has to be a whole number/);
      },
    );
  });

  describe("createServer", () => {
    const url = "redis://127.0.0.1:6379";
    const create = (parts: { readonly broker?: Broker; readonly pubsub?: Pubsub }) => createServer({ transports: [], ...parts });

    it("refuses a broker that would pass on what nobody hears", () => {
      const [pubsub, other] = [redisPubsub({ url }), redisPubsub({ url })];
      expect(() => create({ broker: redisBroker({ pubsub }) })).toThrow(/given none/);
      expect(() => create({ broker: redisBroker({ pubsub }), pubsub: other })).toThrow(/given another/);
      // What was refused can be made good.
      create({ broker: redisBroker({ pubsub }), pubsub });
    });

    it("refuses a broker for one server beside a pubsub", () => {
      expect(() => create({ broker: memoryBroker(), pubsub: redisPubsub({ url }) })).toThrow(/hearsOthers/);
    });

    it("refuses a pubsub or a broker of another server", () => {
      const pubsub = redisPubsub({ url });
      const broker = redisBroker({ pubsub });
      create({ pubsub, broker });
      expect(() => create({ pubsub })).toThrow("The part redis belongs to another server");
      expect(() => create({ pubsub, broker })).toThrow("The part redis belongs to another server");
    });

    it("takes every other combination", () => {
      const nats = { servers: ["nats://127.0.0.1:4222"] };
      create({ broker: redisBroker({ url }), pubsub: redisPubsub({ url }) });
      create({ broker: redisBroker({ url, prefix: "mine:" }) });
      create({ broker: memoryBroker({ hearsOthers: true }), pubsub: redisPubsub({ url }) });
      create({ broker: memoryBroker({ hearsOthers: true }) });
      create({ broker: natsBroker(nats), pubsub: natsPubsub(nats) });
      expect(() => natsBroker({ ...nats, prefix: "a.b" })).toThrow("letters, digits");
      expect(() => natsPubsub({ ...nats, prefix: "a b" })).toThrow("letters, digits");
    });
  });

  describe("ropeway/redis-broker", () => {
    it("keeps what clients of a server that is alone miss, while the server is started again", async () => {
      const redis = await startRedis();
      undo.push(() => redis.kill());
      const node = async (): Promise<Embedded> => {
        const broker = redisBroker({ url: `redis://127.0.0.1:${redis.port}`, prefix: "mine:" });
        const embedded = await start({ ...open, broker });
        await eventually(() => broker.state?.().isConnected).toBe(true);
        return embedded;
      };
      const before = await node();
      const identifier = publicStream("news");
      const { client, sid } = await connect(before.url);
      await client.subscribe(identifier);
      await before.server.publish("news", 1);
      const first = await client.next();
      await client.drop();
      await before.server.publish("news", 2);
      await before.stop();
      const after = await node();
      const { client: back, welcome } = await connect(`${after.url}?sid=${sid}`);
      expect(welcome).toMatchObject({ restored: true });
      back.say({ command: "history", identifier, history: { streams: { news: positionOf(first) } } });
      expect(bodiesOf(await until(back, "confirm_history"))).toEqual([2]);
    });
  });

  describe("an application in the same process", () => {
    it("says who is present", async () => {
      const identifier = JSON.stringify({ channel: "Room" });
      const controller = inProcessController({
        connect: ({ env }) => ({ status: "accepted", identifiers: new URL(env.url).searchParams.get("name") ?? "" }),
        command({ command, data, connectionIdentifiers: id }) {
          if (command === "subscribe") return { streams: ["room"], istate: new Map([["$p", "room"]]) };
          if (data === "go") return { presence: { type: "leave" } };
          return { presence: data === "plain" ? { type: "join", id } : { type: "join", id, info: { said: data } } };
        },
      });
      const { url } = await start({ controller, broker: memoryBroker() });
      const client = await CableClient.connect(`${url}?name=ann`);
      undo.push(() => client.drop());
      await client.subscribe(identifier);
      for (const [data, message] of [
        ["hello", { type: "join", id: "ann", info: { said: "hello" } }],
        ["go", { type: "leave", id: "ann" }],
        ["plain", { type: "join", id: "ann", info: null }],
      ]) {
        client.say({ command: "message", identifier, data });
        expect(await client.next()).toEqual({ type: "presence", identifier, message });
      }
    });
  });

  describe("ropeway/rest-api", () => {
    const key = apiKey("app-secret");

    async function mounted(path: string | undefined, listener: (handler: RequestListener) => RequestListener) {
      const [broker, metrics] = [memoryBroker(), createMetrics()];
      const api = restApi({ key, broker, metrics, nodeId: "a", ...(path !== undefined && { path }) });
      const embedded = await start({ ...open, broker, broadcasters: [api], metrics }, createHttpServer(listener(api.handler)));
      const ask = async (below: string, init: RequestInit = {}): Promise<readonly [number, unknown]> => {
        const response = await fetch(embedded.httpUrl(below), { headers: { authorization: `Bearer ${key}` }, ...init });
        const text = await response.text();
        return [response.status, text === "" ? undefined : JSON.parse(text)];
      };
      return { ...embedded, ask };
    }

    const hosts: [string, string | undefined, (handler: RequestListener) => RequestListener][] = [
      ["node:http", undefined, (handler) => handler],
      ["express, which takes the path away", "", (handler) => express().use("/api", handler)],
    ];
    it.each(hosts)("publishes, and tells what is there, on %s", async (_host, path, listener) => {
      const { ask, url, server } = await mounted(path, listener);
      const { client } = await connect(url);
      const identifier = publicStream("chat/1");
      await client.subscribe(identifier);
      client.say({ command: "join", identifier, presence: { id: "ann" } });
      expect(await client.next()).toMatchObject({ type: "presence" });
      const body = JSON.stringify({ stream: "chat/1", data: '"hello"' });
      expect(await ask("/api/publish", { method: "POST", body })).toEqual([201, undefined]);
      expect(await client.next()).toMatchObject({ message: "hello" });
      expect(await ask("/api/presence/chat%2F1/users")).toMatchObject([200, { total: 1, records: [{ id: "ann" }] }]);
      expect(await ask("/api/streams/chat%2F1/history")).toMatchObject([200, { publications: [{ data: '"hello"' }] }]);
      const broker = { name: "memory", history: "node", sessions: true, presence: true };
      const node = { node_id: "a", status: "ready", clients: 1, streams: 1, broker, pubsub: "local", broadcasters: ["api"] };
      expect(await ask("/api/node")).toMatchObject([200, node]);
      expect(await ask("/api/node", { headers: {} })).toMatchObject([401, { error: { code: "api.unauthorized" } }]);
      expect(await ask("/api/elsewhere")).toMatchObject([404, { error: { code: "api.not_found" } }]);
      await server.stop();
      expect(await ask("/api/publish", { method: "POST", body })).toMatchObject([503, { error: { code: "publication.unavailable" } }]);
      expect(await ask("/api/node")).toMatchObject([200, { status: "stopping" }]);
    });

    it("tells of what the server depends on", async () => {
      const pubsub = redisPubsub({ url: "redis://127.0.0.1:1" });
      const broker = redisBroker({ pubsub });
      const api = restApi({ key: undefined, broker, pubsub });
      const { httpUrl } = await start({ broker, pubsub, broadcasters: [api] }, createHttpServer(api.handler));
      const node = (await (await fetch(httpUrl("/api/node"))).json()) as Record<string, unknown>;
      expect(node).toMatchObject({
        status: "degraded",
        pubsub: "redis",
        parts: { "broker redis": { ok: false }, "pubsub redis": { ok: false } },
      });
    });
  });
});
