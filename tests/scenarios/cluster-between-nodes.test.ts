// What clients and the application do on one node, and what follows from it on the other.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Application } from "../support/application.ts";
import { publicStream, type CableClient, type Received } from "../support/cable-client.ts";
import { eventually } from "../support/eventually.ts";
import { connectExt } from "../support/ext-client.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { startNats } from "../support/nats-server.ts";
import { startRedis } from "../support/redis-server.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, says } from "../support/rpc-stage.ts";

/** Starts what is between the nodes. */
const media: readonly [string, () => Promise<{ readonly flags: readonly string[]; readonly stop: () => Promise<unknown> }>][] = [
  [
    "Redis",
    async () => {
      const redis = await startRedis();
      return { flags: ["--pubsub=redis", `--redis_url=redis://127.0.0.1:${redis.port}`], stop: () => redis.kill() };
    },
  ],
  [
    "NATS",
    async () => {
      const [redis, nats] = await Promise.all([startRedis(), startNats()]);
      const flags = ["--pubsub=nats", `--nats_servers=${nats.url}`, `--redis_url=redis://127.0.0.1:${redis.port}`];
      return { flags, stop: () => Promise.all([redis.kill(), nats.kill()]) };
    },
  ],
];

describe.each(media)("two nodes that reach each other through %s", (_name, startMedium) => {
  let medium: Awaited<ReturnType<typeof startMedium>>;
  let app: GrpcApp;
  let here: Ropeway;
  let there: Ropeway;
  const clients: CableClient[] = [];
  const application: Application = {
    // Everybody is who the query says.
    connect: ({ env }, { sid }) => ({
      identifiers: new URL(env!.url).searchParams.get("user") ?? "",
      transmissions: [says.welcome(sid)],
    }),
    command: ({ command, identifier }) =>
      command === "subscribe" ? { transmissions: [says.confirm(identifier)], streams: [identifier] } : {},
    disconnect: () => ({}),
  };

  beforeAll(async () => {
    [medium, app] = await Promise.all([startMedium(), startGrpcApp({ application })]);
    const flags = [`--rpc_host=${app.address}`, "--public_streams", "--broker=redis", "--disconnect_grace=1", ...medium.flags];
    [here, there] = await Promise.all([startRopeway(flags), startRopeway(flags)]);
    await Promise.all([here.becomesReady(), there.becomesReady()]);
  });
  beforeEach(() => async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });
  afterAll(async () => {
    await Promise.all([here.stop(), there.stop()]);
    await Promise.all([app.kill(), medium.stop()]);
  });

  async function connect(
    node: Ropeway,
    query = "",
  ): Promise<{ readonly client: CableClient; readonly sid: string; readonly welcome: Received }> {
    const connected = await connectExt(`${node.cable}?${query}`);
    clients.push(connected.client);
    return connected;
  }

  /** One client here, one there, both subscribed. */
  async function both(identifier: string): Promise<readonly Awaited<ReturnType<typeof connect>>[]> {
    const all = [await connect(here), await connect(there)];
    for (const { client } of all) expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
    return all;
  }

  const disconnects = (): string[] => app.calls.flatMap(({ method, sid }) => (method === "Disconnect" ? [sid] : []));

  it("carry whispers to each other, but not to who whispered", async () => {
    const identifier = publicStream("whispers");
    const [one, other] = await both(identifier);
    one!.client.say({ command: "whisper", identifier, data: { typing: true } });
    expect(await other!.client.next()).toMatchObject({ identifier, message: { typing: true } });
    expect(await there.publish({ stream: "whispers", data: "1" })).toBe(201);
    expect(await one!.client.next()).toMatchObject({ message: 1 });
  });

  it("spare the socket that a publication on another node excludes", async () => {
    const [one, other] = await both(publicStream("excluding"));
    expect(await there.publish({ stream: "excluding", data: "1", meta: { exclude_socket: one!.sid } })).toBe(201);
    expect(await there.publish({ stream: "excluding", data: "2" })).toBe(201);
    expect([await other!.client.next(), await other!.client.next()]).toMatchObject([{ message: 1 }, { message: 2 }]);
    expect(await one!.client.next()).toMatchObject({ message: 2 });
  });

  it("end all sessions of a user, wherever the application says so", async () => {
    const janes = [await connect(here, "user=jane"), await connect(there, "user=jane"), await connect(there, "user=jane")];
    const others = [await connect(here, "user=joe"), await connect(there, "user=joe")];
    expect(await here.publish({ command: "disconnect", payload: { identifier: "jane", reconnect: false } })).toBe(201);
    for (const { client } of janes) {
      expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: false });
      expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
    }
    for (const { client } of others) expect(await client.sync()).toEqual([]);
    await eventually(() => janes.filter(({ sid }) => disconnects().includes(sid)).length).toBe(3);
  });

  it("end the old connection of a session that goes on at the other one, and the application is told once", async () => {
    const chat = channel("ChatChannel");
    const old = await connect(here, "user=ann");
    await old.client.subscribe(chat);
    const back = await connect(there, `sid=${old.sid}`);
    expect(back.welcome).toMatchObject({ restored: true, restored_ids: [chat] });
    expect(await old.client.next()).toEqual({ type: "disconnect", reason: "session_restored", reconnect: false });
    expect((await old.client.ended).code).toBe(1000);
    await here.publish({ stream: chat, data: "1" });
    expect(await back.client.next()).toMatchObject({ identifier: chat, message: 1 });
    await back.client.close();
    await eventually(disconnects).toContain(back.sid);
    expect(disconnects()).not.toContain(old.sid);
  });

  it("tell the application nothing of a client that dropped here and came back there", async () => {
    const dropped = await connect(here, "user=ben");
    await dropped.client.drop();
    const back = await connect(there, `sid=${dropped.sid}`);
    expect(back.welcome).toMatchObject({ restored: true });
    // One that dropped later, and stays away, is told of: so the other one would have been.
    const away = await connect(here, "user=ben");
    await away.client.drop();
    await eventually(disconnects).toContain(away.sid);
    expect(disconnects()).not.toContain(dropped.sid);
  });
});
