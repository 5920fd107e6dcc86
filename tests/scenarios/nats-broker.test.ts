// Servers that share what they keep by NATS: clients go on with another one, and those on a server that dies are missed in time.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { publicStream, type CableClient } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { freePort } from "../support/free-port.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";

const stream = "room/1";
const identifier = publicStream(stream);
const nodes: Ropeway[] = [];
const clients: CableClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
});

async function startNode(...flags: readonly string[]): Promise<Ropeway> {
  const node = await startRopeway([...standalone, "--broker=nats", "--presence_ttl=2", ...flags]);
  nodes.push(node);
  await node.becomesReady();
  return node;
}

async function visit(node: Ropeway, sid?: string): ReturnType<typeof connectExt> {
  const visitor = await connectExt(sid === undefined ? node.cable : `${node.cable}?sid=${sid}`);
  clients.push(visitor.client);
  return visitor;
}

async function listen(node: Ropeway): Promise<{ readonly client: CableClient; readonly sid: string }> {
  const visitor = await visit(node);
  expect(await visitor.client.subscribe(identifier)).toMatchObject({ type: "confirm_subscription" });
  return visitor;
}

async function publish(node: Ropeway, ...bodies: readonly number[]): Promise<void> {
  for (const body of bodies) expect(await node.publish({ stream, data: String(body) })).toBe(201);
}

async function presentAt(client: CableClient): Promise<unknown> {
  client.say({ command: "presence", identifier });
  const { message } = (await until(client, "presence")).at(-1) as { readonly message: { readonly records: { readonly id: string }[] } };
  return message.records.map(({ id }) => id);
}

const joined = (id: string): object => ({ type: "presence", identifier, message: { id, info: null, type: "join" } });
const left = (id: string): object => ({ type: "presence", identifier, message: { id, type: "leave" } });

/** Drops a client at one node and takes it up at another, which sends what it missed, in order, before what is new. */
async function goesOn(here: Ropeway, there: Ropeway): Promise<void> {
  const { client, sid } = await listen(here);
  await publish(there, 1);
  const last = positionOf(await client.next());
  expect(last.offset).toBeGreaterThan(0);
  await client.drop();
  await publish(here, 2);
  await publish(there, 3);
  // Not kept, so it is not missed.
  expect(await there.publish({ stream, data: "99", meta: { transient: true } })).toBe(201);
  const { client: returned, welcome } = await visit(there, sid);
  expect(welcome).toMatchObject({ type: "welcome", restored: true, restored_ids: [identifier] });
  await publish(here, 4);
  returned.say({ command: "history", identifier, history: { since: 0, streams: { [stream]: last } } });
  expect(bodiesOf(await until(returned, "confirm_history"))).toEqual([2, 3, 4]);
  await publish(here, 5);
  expect(bodiesOf([await returned.next()])).toEqual([5]);
}

describe("two servers on one NATS", () => {
  let nats: NatsServer;
  const start = async (): Promise<[Ropeway, Ropeway]> => {
    nats = await startNats({ jetstream: true });
    const flag = `--nats_servers=${nats.url}`;
    return Promise.all([startNode(flag), startNode(flag)]);
  };
  afterEach(() => nats.kill());

  it("take up each other's clients, who hear all they missed", async () => {
    const [here, there] = await start();
    await goesOn(here, there);
    expect(await (await fetch(here.http("/ready"))).json()).toMatchObject({
      status: "ready",
      parts: { "broker nats": { ok: true }, "pubsub nats": { ok: true } },
    });
  });

  it("know who is there, and notice when one of them is killed", async () => {
    const [here, there] = await start();
    const watcher = (await listen(here)).client;
    const one = (await listen(here)).client;
    one.say({ command: "join", identifier, presence: { id: "one" } });
    expect(await watcher.next()).toEqual(joined("one"));
    const other = (await listen(there)).client;
    other.say({ command: "join", identifier, presence: { id: "other" } });
    for (const client of [watcher, one]) await until(client, "presence");
    expect(await other.next()).toEqual(joined("other"));
    expect([await presentAt(watcher), await presentAt(other)]).toEqual([
      ["one", "other"],
      ["one", "other"],
    ]);

    there.process.kill("SIGKILL");
    expect(await watcher.next()).toEqual(left("other"));
    expect(await presentAt(watcher)).toEqual(["one"]);
  });

  it("refuse publications while NATS is away, lose none that they took, and go on when it is back", async () => {
    const [here, there] = await start();
    const { client } = await listen(here);
    await publish(there, 1);
    const last = positionOf(await client.next());
    await nats.kill();
    await eventually(async () => here.publish({ stream, data: "2" })).toBe(503);
    expect(await (await fetch(here.http("/ready"))).json()).toMatchObject({ parts: { "broker nats": { ok: false } } });
    await nats.restart();
    await Promise.all([here.becomesReady(), there.becomesReady()]);
    await publish(there, 3);
    expect(await client.next()).toMatchObject({ message: 3, epoch: last.epoch, offset: last.offset + 1 });

    await nats.restart({ empty: true });
    expect(await client.ended).toMatchObject({ code: 1013 });
    await there.becomesReady();
    const { client: returned } = await listen(there);
    returned.say({ command: "history", identifier, history: { since: 0, streams: { [stream]: last } } });
    expect(await returned.next()).toEqual({ type: "reject_history", identifier });
  });
});

describe("a server with a NATS of its own", () => {
  it("keeps everything over a restart of both", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ropeway-store-"));
    try {
      const flags = ["--embed_nats", `--enats_addr=nats://127.0.0.1:${await freePort()}`, `--enats_store_dir=${folder}`];
      const first = await startNode(...flags);
      const { client, sid } = await listen(first);
      await publish(first, 1);
      const last = positionOf(await client.next());
      await client.drop();
      await publish(first, 2);
      await first.stop();
      const second = await startNode(...flags);
      const { client: returned, welcome } = await visit(second, sid);
      expect(welcome).toMatchObject({ restored: true });
      returned.say({ command: "history", identifier, history: { since: 0, streams: { [stream]: last } } });
      expect(bodiesOf(await until(returned, "confirm_history"))).toEqual([2]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
