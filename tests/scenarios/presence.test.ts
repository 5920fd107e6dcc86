import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { connectExt, until } from "../support/ext-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, RpcStage, says, state } from "../support/rpc-stage.ts";

const joined = (identifier: string, id: string, info: unknown = null): object => ({
  type: "presence",
  identifier,
  message: { id, info, type: "join" },
});
const left = (identifier: string, id: string): object => ({ type: "presence", identifier, message: { id, type: "leave" } });

describe("clients that are present", () => {
  let ropeway: Ropeway;
  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, "--broker=memory", "--presence_ttl=2"]);
  });
  afterAll(() => ropeway.stop());

  let streams = 0;
  const newIdentifier = (): string => publicStream(`room/${++streams}`);

  async function watching(identifier: string): Promise<CableClient> {
    const client = await CableClient.connect(ropeway.cable);
    await client.subscribe(identifier);
    return client;
  }

  it("join and leave by command: each listener hears it, the client itself too", async () => {
    const identifier = newIdentifier();
    const watcher = await watching(identifier);
    const client = await watching(identifier);
    const info = { name: "Vova", big: "x".repeat(2_000) };
    client.say({ command: "join", identifier, presence: { id: "42", info } });
    expect(await client.next()).toEqual(joined(identifier, "42", info));
    expect(await watcher.next()).toEqual(joined(identifier, "42", info));
    watcher.say({ command: "presence", identifier });
    expect(await watcher.next()).toEqual({
      type: "presence",
      identifier,
      message: { type: "info", total: 1, records: [{ info, id: "42" }] },
    });
    watcher.say({ command: "presence", identifier, data: { return_records: false } });
    expect(await watcher.next()).toEqual({ type: "presence", identifier, message: { type: "info", total: 1 } });
    client.say({ command: "leave", identifier });
    expect(await client.next()).toEqual(left(identifier, "42"));
    expect(await watcher.next()).toEqual(left(identifier, "42"));
    await Promise.all([watcher.close(), client.close()]);
  });

  it("join with their subscription, after its confirmation and what they missed", async () => {
    const identifier = newIdentifier();
    const { client } = await connectExt(ropeway.cable);
    client.say({ command: "subscribe", identifier, presence: { id: "1" }, history: { since: 1 } });
    const heard = await until(client, "presence");
    expect(heard).toEqual([{ type: "confirm_subscription", identifier }, { type: "confirm_history", identifier }, joined(identifier, "1")]);
    await client.close();
  });

  it("are one, however many sessions they have: one join, and one leave with the last", async () => {
    const identifier = newIdentifier();
    const watcher = await watching(identifier);
    const [one, two] = [await watching(identifier), await watching(identifier)];
    for (const client of [one, two]) client.say({ command: "join", identifier, presence: { id: "u" } });
    expect(await watcher.next()).toEqual(joined(identifier, "u"));
    await Promise.all([one.sync(), two.sync()]);
    one.say({ command: "unsubscribe", identifier });
    await one.sync();
    expect(await watcher.sync()).toEqual([]);
    two.say({ command: "unsubscribe", identifier });
    expect(await watcher.next()).toEqual(left(identifier, "u"));
    await Promise.all([watcher, one, two].map((client) => client.close()));
  });

  it("leave when their time is up after their connection broke, and not before, whatever protocol they speak", async () => {
    const identifier = newIdentifier();
    const watcher = await watching(identifier);
    const base = await watching(identifier);
    base.say({ command: "join", identifier, presence: { id: "base" } });
    expect(await watcher.next()).toEqual(joined(identifier, "base"));
    const dropping = await watching(identifier);
    dropping.say({ command: "join", identifier, presence: { id: "dropping" } });
    expect(await watcher.next()).toEqual(joined(identifier, "dropping"));
    await dropping.drop();
    // By then the other one, which is as old and still connected, would have gone too.
    expect(await watcher.next()).toEqual(left(identifier, "dropping"));
    watcher.say({ command: "presence", identifier });
    expect(await watcher.next()).toMatchObject({ message: { total: 1, records: [{ id: "base" }] } });
    await Promise.all([watcher.close(), base.close()]);
  });

  it("stay present when they come back to their session", async () => {
    const identifier = newIdentifier();
    const watcher = await watching(identifier);
    const first = await connectExt(ropeway.cable);
    first.client.say({ command: "subscribe", identifier, presence: { id: "u", info: { n: 1 } } });
    expect(await watcher.next()).toEqual(joined(identifier, "u", { n: 1 }));
    await first.client.drop();
    const second = await connectExt(`${ropeway.cable}?sid=${first.sid}`);
    expect(second.welcome["restored"]).toBe(true);
    // Somebody else drops later and goes: the one that came back is still there then.
    const other = await watching(identifier);
    other.say({ command: "join", identifier, presence: { id: "other" } });
    expect(await watcher.next()).toEqual(joined(identifier, "other"));
    await other.drop();
    expect(await watcher.next()).toEqual(left(identifier, "other"));
    second.client.say({ command: "unsubscribe", identifier });
    expect(await watcher.next()).toEqual(left(identifier, "u"));
    await Promise.all([watcher.close(), second.client.close()]);
  });

  it.each([
    ["another id", { id: "two" }],
    ["an id of megabytes", { id: "x".repeat(50_000) }],
    ["an id that is a number", { id: 1 }],
    ["no id", {}],
  ])("can't join as %s besides, and lose nothing by it", async (_what, presence) => {
    const identifier = newIdentifier();
    const client = await watching(identifier);
    client.say({ command: "join", identifier, presence: { id: "one" } });
    expect(await client.next()).toEqual(joined(identifier, "one"));
    client.say({ command: "join", identifier, presence });
    expect(await client.sync()).toEqual([]);
    client.say({ command: "presence", identifier });
    expect(await client.next()).toMatchObject({ message: { total: 1, records: [{ id: "one" }] } });
    await client.close();
  });
});

describe("presence that an application rules", () => {
  const chat = channel("ChatChannel");
  let stage: RpcStage;
  beforeAll(async () => {
    stage = await RpcStage.start(["--broker=memory"]);
    stage.application.command = ({ command, identifier, data }) => {
      if (command === "subscribe") {
        return {
          transmissions: [says.confirm(identifier)],
          streams: ["room"],
          env: state({}, { $p: "room" }),
          presence: { type: "join", id: "42", info: '{"name":"Jack"}', ttl: 0 },
        };
      }
      if (data === '"leave"') return { presence: { type: "leave", id: "", info: "", ttl: 0 } };
      return data === '"odd"' ? { presence: { type: "join", id: "42", info: "no JSON", ttl: 0 } } : {};
    };
  });
  afterAll(() => stage.stop());

  it("joins and leaves on its word, after the confirmation", async () => {
    const { client } = await stage.connect();
    expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
    expect(await client.next()).toEqual(joined(chat, "42", { name: "Jack" }));
    client.say({ command: "message", identifier: chat, data: '"odd"' });
    await client.sync();
    client.say({ command: "presence", identifier: chat });
    expect(await client.next()).toMatchObject({ message: { total: 1, records: [{ id: "42", info: "no JSON" }] } });
    client.say({ command: "message", identifier: chat, data: '"leave"' });
    expect(await client.next()).toEqual(left(chat, "42"));
    await client.close();
  });

  it("that can't be had costs a subscription nothing: its history is answered, and it hears what comes", async () => {
    stage.application.command = ({ command, identifier }) =>
      command === "subscribe"
        ? { transmissions: [says.confirm(identifier)], streams: ["hall"], presence: { type: "join", id: "1", info: "", ttl: 0 } }
        : {};
    const { client } = await stage.connect();
    client.say({ command: "subscribe", identifier: chat, history: { since: 1, streams: {} } });
    expect(await client.next()).toEqual(hears.confirm(chat));
    expect(await client.next()).toEqual({ type: "confirm_history", identifier: chat });
    await stage.ropeway.publish({ stream: "hall", data: "1" });
    expect(await client.next()).toMatchObject({ identifier: chat, message: 1 });
    await client.close();
  });

  it("is not for those whom it did not allow it", async () => {
    stage.application.command = ({ command, identifier }) =>
      command === "subscribe" ? { transmissions: [says.confirm(identifier)], streams: ["room"] } : {};
    const { client } = await stage.connect();
    expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
    client.say({ command: "join", identifier: chat, presence: { id: "1" } });
    client.say({ command: "presence", identifier: chat });
    expect(await client.next()).toEqual({ type: "presence", identifier: chat, message: { type: "error", total: 0 } });
    await client.close();
  });
});
