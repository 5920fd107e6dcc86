import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { channel, hears, RpcStage, says, state, Status } from "../support/rpc-stage.ts";

const chat = channel("ChatChannel", { id: "1" });
const other = channel("ChatChannel", { id: "2" });

/** Starts before all and stops after all tests of the suite. */
function staged(flags: readonly string[]): () => RpcStage {
  let stage: RpcStage;
  beforeAll(async () => {
    stage = await RpcStage.start(flags);
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());
  return () => stage;
}

/** Methods of the calls about a session, once the call about a later one has arrived. */
async function callsOf(stage: RpcStage, sid: string): Promise<readonly string[]> {
  const { client, sid: later } = await stage.connect();
  expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
  await client.close();
  await expect.poll(() => stage.calls(later).at(-1)?.method).toBe("Disconnect");
  return stage.calls(sid).map(({ method }) => method);
}

describe("the Disconnect call, in mode auto", () => {
  const stage = staged([]);

  it("tells the application who has gone, from which subscriptions, with what state", async () => {
    const { application } = stage();
    application.connect = (_request, { sid }) => ({
      identifiers: '{"user":"jane"}',
      transmissions: [says.welcome(sid)],
      env: state({ _s_: "session", gone: "x" }),
    });
    application.command = ({ command, identifier }) => ({
      transmissions: command === "subscribe" ? [says.confirm(identifier)] : [],
      env: identifier === chat ? state({ gone: "" }, { count: "1", 'ключ"': 'зна"чение\n', __proto: "2" }) : undefined,
    });
    const { client, sid } = await stage().connect({ headers: { cookie: "a=1" } }, "?token=x");
    for (const identifier of [chat, other, "third"]) expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
    client.say({ command: "unsubscribe", identifier: "third" });
    await client.sync();
    await client.close();
    await expect.poll(() => stage().calls(sid).at(-1)?.method).toBe("Disconnect");
    const { request } = stage().disconnects.at(-1)!;
    expect(request).toMatchObject({
      identifiers: '{"user":"jane"}',
      subscriptions: [chat, other],
      env: {
        url: `http://127.0.0.1:${stage().ropeway.port}/cable?token=x`,
        headers: new Map([
          ["cookie", "a=1"],
          ["REMOTE_ADDR", "127.0.0.1"],
        ]),
        cstate: new Map([["_s_", "session"]]),
      },
    });
    expect([...request.env!.istate.keys()]).toEqual([chat]);
    expect(JSON.parse(request.env!.istate.get(chat)!)).toEqual({ count: "1", 'ключ"': 'зна"чение\n', __proto: "2" });
  });

  it.each([
    ["breaks off", (client: CableClient) => client.drop()],
    ["closes", (client: CableClient) => client.close()],
    ["is closed for a message that is too large", (client: CableClient) => closedAfter(client, () => "x".repeat(70_000))],
    [
      "is closed for twenty malformed messages",
      (client: CableClient) => closedAfter(client, ...Array.from({ length: 20 }, () => () => "{")),
    ],
  ])("is made once when a client %s", async (_how, leave) => {
    const { client, sid } = await stage().connect();
    await leave(client);
    expect(await callsOf(stage(), sid)).toEqual(["Connect", "Disconnect"]);
  });

  async function closedAfter(client: CableClient, ...messages: readonly (() => string)[]): Promise<void> {
    for (const message of messages) client.socket.send(message());
    await client.ended;
  }

  it("is not made for a client that was never let in", async () => {
    const sids: string[] = [];
    stage().application.connect = (_request, { sid }) => {
      sids.push(sid);
      return sids.length === 1 ? { status: Status.FAILURE, transmissions: [says.unauthorized] } : { status: Status.ERROR };
    };
    await new CableClient(stage().ropeway.cable).ended;
    await new CableClient(stage().ropeway.cable).ended;
    stage().reset();
    for (const sid of sids) expect(await callsOf(stage(), sid)).toEqual(["Connect"]);
    expect(sids).toHaveLength(2);
  });

  it("is not repeated when the application answers it with FAILURE or ERROR, and harms nobody", async () => {
    for (const status of [Status.FAILURE, Status.ERROR, 17]) {
      stage().application.disconnect = () => ({ status });
      const { client, sid } = await stage().connect();
      await client.close();
      expect(await callsOf(stage(), sid)).toEqual(["Connect", "Disconnect"]);
    }
  });
});

describe("the Disconnect call of clients that came in without the application", () => {
  const stage = staged(["--noauth", "--public_streams"]);

  it("is not made when they had nothing to do with it later either", async () => {
    const { client, sid } = await stage().connect();
    expect(await client.subscribe(publicStream("open"))).toEqual(hears.confirm(publicStream("open")));
    stage().application.command = () => ({ status: Status.FAILURE, transmissions: [says.reject(other)] });
    expect(await client.subscribe(other)).toEqual(hears.reject(other));
    await client.close();
    stage().reset();
    expect(await callsOf(stage(), sid)).toEqual(["Command"]);
  });

  it("is made when one subscription was the application's, and names that one", async () => {
    const { client, sid } = await stage().connect();
    await client.subscribe(publicStream("open"));
    await client.subscribe(chat);
    await client.close();
    await expect
      .poll(() => stage().calls(sid).at(-1))
      .toMatchObject({
        method: "Disconnect",
        request: { identifiers: JSON.stringify({ sid }), subscriptions: [chat] },
      });
  });

  it("is made when that subscription has ended before", async () => {
    const { client, sid } = await stage().connect();
    await client.subscribe(chat);
    client.say({ command: "unsubscribe", identifier: chat });
    await client.sync();
    await client.close();
    await expect.poll(() => stage().calls(sid).at(-1)).toMatchObject({ method: "Disconnect", request: { subscriptions: [] } });
  });
});

describe("the Disconnect call, in mode always", () => {
  const stage = staged(["--noauth", "--public_streams", "--disconnect_mode=always"]);

  it("is made for everybody who was let in", async () => {
    const { client, sid } = await stage().connect();
    await client.subscribe(publicStream("open"));
    await client.close();
    expect(await callsOf(stage(), sid)).toEqual(["Disconnect"]);
  });
});

describe.each(["--disconnect_mode=never", "--disable_disconnect"])("the Disconnect call with %s", (flag) => {
  it("is never made, at shutdown neither", async () => {
    const stage = await RpcStage.start([flag]);
    onTestFinished(() => stage.stop());
    const { client } = await stage.connect();
    await client.subscribe(chat);
    await client.close();
    await stage.isEmpty();
    await stage.connect();
    expect(await stage.ropeway.stop()).toBe(0);
    expect(stage.disconnects).toEqual([]);
  });
});

describe("the rate of Disconnect calls", () => {
  it("is disconnect_rate, and what is more waits in a queue", async () => {
    const stage = await RpcStage.start(["--disconnect_rate=1"]);
    onTestFinished(() => stage.stop());
    const clients = await Promise.all(Array.from({ length: 30 }, () => stage.connect()));
    for (const { client } of clients) await client.drop();
    await stage.ropeway.metricBecomes("anycable_go_clients_num", 0);
    // It would take half a minute to make them all.
    expect(await stage.ropeway.metric("anycable_go_disconnect_queue_size")).toBeGreaterThan(10);
    expect(stage.disconnects.length).toBeLessThan(20);
    // Other calls don't wait for it.
    expect(await (await stage.connect()).client.subscribe(chat)).toEqual(hears.confirm(chat));
    expect(await stage.ropeway.stop()).toBe(0);
    expect(new Set(stage.disconnects.map(({ sid }) => sid)).size).toBe(31);
    expect(stage.disconnects).toHaveLength(31);
  });

  it.each([0, 5_000])("may be %d, and no more calls are made at a time than of other kinds", async (rate) => {
    const stage = await RpcStage.start([`--disconnect_rate=${rate}`, "--rpc_concurrency=3"]);
    onTestFinished(() => stage.stop());
    let running = 0;
    let most = 0;
    stage.application.disconnect = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return {};
    };
    const clients = await Promise.all(Array.from({ length: 150 }, () => stage.connect()));
    for (const { client } of clients) client.socket.terminate();
    await expect.poll(() => stage.disconnects.length).toBe(150);
    expect(most).toBeLessThanOrEqual(3);
  });

  it("loses calls when more wait than disconnect_backlog_size, and says how many", async () => {
    const stage = await RpcStage.start(["--disconnect_rate=1", "--disconnect_backlog_size=5"]);
    onTestFinished(() => stage.stop());
    const clients = await Promise.all(Array.from({ length: 40 }, () => stage.connect()));
    for (const { client } of clients) client.socket.terminate();
    await stage.ropeway.metricBecomes("anycable_go_clients_num", 0);
    const dropped = await stage.ropeway.metric("anycable_go_disconnect_calls_dropped_total");
    expect(dropped).toBeGreaterThan(20);
    expect(await stage.ropeway.metric("anycable_go_disconnect_queue_size")).toBeLessThanOrEqual(5);
    expect(await stage.ropeway.stop()).toBe(0);
    expect(stage.disconnects).toHaveLength(40 - dropped);
    const lines = stage.ropeway.log.filter(({ msg }) => msg.startsWith("disconnect queue is full"));
    expect(lines.reduce((sum, line) => sum + Number(line["dropped"]), 0)).toBe(dropped);
  });
});
