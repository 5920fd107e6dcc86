import { connect as connectNats } from "@nats-io/transport-node";
import { createClient } from "@redis/client";
import type { Broadcaster, Broker, Identity, Pubsub } from "ropeway";
import { natsBroadcaster } from "ropeway/nats-broadcaster";
import { natsBroker } from "ropeway/nats-broker";
import { natsPubsub } from "ropeway/nats-pubsub";
import { redisBroker } from "ropeway/redis-broker";
import { redisPubsub } from "ropeway/redis-pubsub";
import { redisStreamsBroadcaster } from "ropeway/redis-streams-broadcaster";
import { pubsubChannel } from "ropeway/signed-streams";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { publicStream, type CableClient } from "../support/cable-client.ts";
import { startEmbedded, type Embedded } from "../support/embedded.ts";
import { eventually } from "../support/eventually.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

interface Parts {
  readonly pubsub: Pubsub;
  readonly broker: Broker;
  readonly broadcaster: Broadcaster;
}

interface Medium {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What one server is made of. */
  parts(prefix: string): Parts;
  /** As an application does. */
  publish(body: string): Promise<void>;
}

let redis: RedisServer;
const overRedis: Medium = {
  start: async () => void (redis = await startRedis()),
  stop: () => redis.kill(),
  parts(prefix) {
    const url = `redis://127.0.0.1:${redis.port}`;
    const pubsub = redisPubsub({ url, prefix });
    return { pubsub, broker: redisBroker({ pubsub, presenceTtlMs: 2_000 }), broadcaster: redisStreamsBroadcaster({ url, stream: prefix }) };
  },
  async publish(body) {
    const client = createClient({ url: `redis://127.0.0.1:${redis.port}` });
    await client.connect();
    await client.xAdd("one-", "*", { payload: body });
    client.destroy();
  },
};

let nats: NatsServer;
const overNats: Medium = {
  start: async () => void (nats = await startNats({ jetstream: true })),
  stop: () => nats.kill(),
  parts(prefix) {
    const at = { servers: [nats.url], prefix };
    return {
      pubsub: natsPubsub(at),
      broker: natsBroker({ ...at, presenceTtlMs: 2_000 }),
      broadcaster: natsBroadcaster({ servers: [nats.url], subject: prefix }),
    };
  },
  async publish(body) {
    const client = await connectNats({ servers: nats.url });
    client.publish("one-", body);
    await client.drain();
  },
};

const everybody: Identity = { identify: (_handshake, sid) => ({ status: "accepted", identifiers: sid.slice(0, 8) }) };

describe.each([
  ["a Redis", overRedis],
  ["a NATS", overNats],
])("two servers in one process, joined by %s,", (_name, medium) => {
  beforeAll(() => medium.start());
  afterAll(() => medium.stop());

  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  async function start(prefix = "one-"): Promise<Embedded> {
    const { pubsub, broker, broadcaster } = medium.parts(prefix);
    const embedded = await startEmbedded({
      identities: [everybody],
      localChannels: [pubsubChannel({ publicStreams: true })],
      pubsub,
      broker,
      broadcasters: [broadcaster],
      allowsPresence: (stream) => !stream.startsWith("quiet/"),
    });
    undo.push(() => embedded.stop());
    await eventually(() => [pubsub, broker, broadcaster].map((part) => part.state?.().isConnected)).toEqual([true, true, true]);
    return embedded;
  }

  async function connect(url: string): Promise<{ readonly client: CableClient; readonly sid: string }> {
    const connected = await connectExt(url);
    undo.push(() => connected.client.drop());
    return connected;
  }

  it("publish for each other, and let a client go on at the other without losing anything", async () => {
    const [here, there] = [await start(), await start()];
    const identifier = publicStream("news");
    const { client, sid } = await connect(here.url);
    await client.subscribe(identifier);
    await there.server.publish("news", 1);
    const first = await client.next();
    expect(first).toMatchObject({ identifier, message: 1 });
    await client.drop();
    for (const [number, { server }] of [here, there, here].entries()) await server.publish("news", number + 2);

    const { client: back, welcome } = await connectExt(`${there.url}?sid=${sid}`);
    undo.push(() => back.drop());
    expect(welcome).toMatchObject({ restored: true, restored_ids: [identifier] });
    back.say({ command: "history", identifier, history: { streams: { news: positionOf(first) } } });
    expect(bodiesOf(await until(back, "confirm_history"))).toEqual([2, 3, 4]);
    await here.server.publish("news", 5);
    expect(await back.next()).toMatchObject({ message: 5 });
  });

  it("know who is there, whichever they are connected to, and agree on where nobody is", async () => {
    const [here, there] = [await start(), await start()];
    const identifier = publicStream("room");
    const [{ client: ann }, { client: bob }] = [await connect(here.url), await connect(there.url)];
    for (const client of [ann, bob]) await client.subscribe(identifier);
    ann.say({ command: "join", identifier, presence: { id: "ann", info: { age: 7 } } });
    const joined = { type: "presence", identifier, message: { type: "join", id: "ann", info: { age: 7 } } };
    for (const client of [ann, bob]) expect(await client.next()).toEqual(joined);
    bob.say({ command: "presence", identifier });
    expect(await bob.next()).toMatchObject({ message: { total: 1, records: [{ id: "ann", info: { age: 7 } }] } });
    await ann.drop();
    expect(await bob.next()).toEqual({ type: "presence", identifier, message: { type: "leave", id: "ann" } });

    const quiet = publicStream("quiet/1");
    await bob.subscribe(quiet);
    bob.say({ command: "presence", identifier: quiet });
    expect(await bob.next()).toMatchObject({ message: { type: "error" } });
  });

  it("disconnect clients of each other, and take what applications publish, once for all", async () => {
    const [here, there] = [await start(), await start()];
    const identifier = publicStream("news");
    const [{ client: ann, sid }, { client: bob }] = [await connect(here.url), await connect(there.url)];
    for (const client of [ann, bob]) await client.subscribe(identifier);
    await medium.publish(JSON.stringify({ stream: "news", data: '"from outside"' }));
    for (const client of [ann, bob]) expect(await client.next()).toMatchObject({ identifier, message: "from outside" });
    await there.server.disconnect(sid.slice(0, 8), { reconnect: true });
    expect(await ann.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: true });
    expect(await bob.sync()).toEqual([]);
  });

  it("hear nothing of one with another prefix", async () => {
    const [here, elsewhere] = [await start(), await start("other-")];
    const identifier = publicStream("apart");
    const [{ client: ann }, { client: bob }] = [await connect(here.url), await connect(elsewhere.url)];
    for (const client of [ann, bob]) await client.subscribe(identifier);
    ann.say({ command: "join", identifier, presence: { id: "ann" } });
    expect(await ann.next()).toMatchObject({ type: "presence" });
    await elsewhere.server.publish("apart", 2);
    await here.server.publish("apart", 1);
    expect(await ann.next()).toMatchObject({ message: 1 });
    expect(await bob.next()).toMatchObject({ message: 2 });
    bob.say({ command: "presence", identifier });
    expect(await bob.next()).toMatchObject({ message: { total: 0 } });
    expect(await ann.sync()).toEqual([]);
  });
});
