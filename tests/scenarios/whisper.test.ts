import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { publicStream, type CableClient } from "../support/cable-client.ts";
import { channel, hears, RpcStage, says, state } from "../support/rpc-stage.ts";

const room = channel("RoomChannel", { id: "1" });

describe("whispers", () => {
  let stage: RpcStage;
  let clients: readonly { readonly client: CableClient; readonly sid: string }[];
  let sender: CableClient;
  let sid: string;
  let other: CableClient;

  beforeAll(async () => {
    stage = await RpcStage.start(["--public_streams"]);
  });

  beforeEach(async () => {
    stage.reset();
    clients = [await stage.connect(), await stage.connect()];
    [{ client: sender, sid }, { client: other }] = clients as [(typeof clients)[0], (typeof clients)[0]];
    return async () => {
      for (const { client } of clients) await client.close();
      await stage.isEmpty();
    };
  });

  afterAll(() => stage.stop());

  async function everybodySubscribes(identifier: string): Promise<void> {
    for (const { client } of clients) expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
  }

  /** Subscriptions hear `stream`, and may whisper to `whisperTo`. */
  function allowWhispers(stream: string, whisperTo: string): void {
    stage.application.command = ({ identifier }) => ({
      streams: [stream],
      transmissions: [says.confirm(identifier)],
      env: state({}, { $w: whisperTo }),
    });
  }

  it("on a public stream reach everybody who listens, but not their sender", async () => {
    const identifier = publicStream("typing");
    await everybodySubscribes(identifier);
    const messages = [{ event: "typing", user: { name: "Жанна" } }, "text", 7, true, [1, "2"], {}, { data: { stream: "x" } }];
    for (const data of messages) sender.say({ command: "whisper", identifier, data });
    expect(await sender.sync()).toEqual([]);
    expect(await other.sync()).toEqual(messages.map((message) => ({ identifier, message })));
    // And back.
    other.say({ command: "whisper", identifier, data: "you too" });
    expect(await other.sync()).toEqual([]);
    expect(await sender.sync()).toEqual([{ identifier, message: "you too" }]);
    expect(stage.commands(sid)).toEqual([]);
  });

  it("arrive as they were written, whatever numbers a parser would make of it", async () => {
    const identifier = publicStream("ids");
    await everybodySubscribes(identifier);
    const written = '{"id": 9007199254740993, "b":1.0, "10":[-0]}';
    const heard = once(other.socket, "message");
    sender.socket.send(`{"command":"whisper","data":${written},"identifier":${JSON.stringify(identifier)}}`);
    const [bytes] = (await heard) as [Buffer];
    expect(bytes.toString()).toBe(`{"identifier":${JSON.stringify(identifier)},"message":${written}}`);
    expect(await other.sync()).toHaveLength(1);
  });

  it("spare their sender under every identifier, and reach others under theirs", async () => {
    const [one, two] = [publicStream("s"), JSON.stringify({ channel: "$pubsub", stream_name: "s", tab: 2 })];
    expect(await sender.subscribe(one)).toEqual(hears.confirm(one));
    expect(await sender.subscribe(two)).toEqual(hears.confirm(two));
    expect(await other.subscribe(two)).toEqual(hears.confirm(two));
    sender.say({ command: "whisper", identifier: one, data: 1 });
    expect(await sender.sync()).toEqual([]);
    expect(await other.sync()).toEqual([{ identifier: two, message: 1 }]);
  });

  it("go where the application allows them to go, without asking it", async () => {
    allowWhispers("room/1", "room/1");
    await everybodySubscribes(room);
    sender.say({ command: "whisper", identifier: room, data: { typing: true } });
    expect(await sender.sync()).toEqual([]);
    expect(await other.sync()).toEqual([{ identifier: room, message: { typing: true } }]);
    expect(stage.commands(sid)).toHaveLength(1);
  });

  it("may go to a stream that the sender doesn't hear itself", async () => {
    allowWhispers("heard", "whispers");
    expect(await sender.subscribe(room)).toEqual(hears.confirm(room));
    allowWhispers("whispers", "heard");
    expect(await other.subscribe(room)).toEqual(hears.confirm(room));
    sender.say({ command: "whisper", identifier: room, data: 1 });
    other.say({ command: "whisper", identifier: room, data: 2 });
    expect(await other.next()).toEqual({ identifier: room, message: 1 });
    expect(await sender.next()).toEqual({ identifier: room, message: 2 });
  });

  it("are ignored where the application did not allow them, and counted", async () => {
    await everybodySubscribes(room);
    const count = await stage.counting("failed_client_msg_total", "broadcast_msg_total", "rpc_call_total");
    sender.say({ command: "whisper", identifier: room, data: { typing: true } });
    sender.say({ command: "whisper", identifier: "not subscribed", data: 1 });
    sender.say({ command: "whisper", identifier: publicStream("not subscribed"), data: 1 });
    sender.say({ command: "whisper", identifier: room });
    expect(await sender.sync()).toEqual([]);
    expect(await other.sync()).toEqual([]);
    expect(await count()).toEqual({ failed_client_msg_total: 4, broadcast_msg_total: 0, rpc_call_total: 0 });
  });

  it("are allowed and forbidden as the application goes", async () => {
    await everybodySubscribes(room);
    const whisper = async (data: number): Promise<readonly unknown[]> => {
      sender.say({ command: "whisper", identifier: room, data });
      await sender.sync();
      return (await other.sync()).map(({ message }) => message);
    };
    const tell = async (istate: Readonly<Record<string, string>>): Promise<void> => {
      stage.application.command = () => ({ env: state({}, istate) });
      sender.say({ command: "message", identifier: room, data: "{}" });
      await sender.sync();
    };
    expect(await whisper(1)).toEqual([]);
    await tell({ $w: room });
    expect(await whisper(2)).toEqual([2]);
    await tell({ $w: "elsewhere" });
    expect(await whisper(3)).toEqual([]);
    await tell({ $w: "" });
    expect(await whisper(4)).toEqual([]);
  });

  it("end with the subscription that allowed them", async () => {
    allowWhispers("room/1", "room/1");
    await everybodySubscribes(room);
    sender.say({ command: "unsubscribe", identifier: room });
    sender.say({ command: "whisper", identifier: room, data: 1 });
    await sender.sync();
    expect(await other.sync()).toEqual([]);
  });
});
