import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CommandResponse } from "../../src/rpc/generated/rpc.ts";
import { Refusal } from "../support/application.ts";
import type { CableClient } from "../support/cable-client.ts";
import { channel, hears, RpcStage, state, Status } from "../support/rpc-stage.ts";

describe("messages to the application", () => {
  let stage: RpcStage;
  let client: CableClient;
  let sid: string;
  const chat = channel("ChatChannel", { id: "1" });
  const other = channel("ChatChannel", { id: "2" });

  beforeAll(async () => {
    stage = await RpcStage.start(["--rpc_command_timeout=1500"]);
  });

  beforeEach(async () => {
    stage.reset();
    ({ client, sid } = await stage.connect());
    expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
    return async () => {
      await client.close();
      await stage.isEmpty();
    };
  });

  afterAll(() => stage.stop());

  /** One message to `identifier`, answered with `answer`. */
  async function perform(answer: Partial<CommandResponse>, identifier = chat): Promise<readonly object[]> {
    stage.application.command = () => answer;
    client.say({ command: "message", identifier, data: '{"action":"do"}' });
    return client.sync();
  }

  async function streamsHeard(...streams: readonly string[]): Promise<readonly unknown[]> {
    for (const stream of streams) await stage.ropeway.publish({ stream, data: JSON.stringify(stream) });
    return (await client.sync()).map(({ message }) => message);
  }

  it("carry the client's data as it is, and bring back the application's words in order", async () => {
    const data = '{ "action":"speak", "n":12345678901234567890, "text":"\\u0041 ✓" }';
    stage.application.command = () => ({ transmissions: ['{"n":1}', '{"n":2}', '{"n":3}'] });
    client.say({ command: "message", identifier: chat, data });
    expect(await client.sync()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(stage.commands(sid).at(-1)!.request).toMatchObject({
      command: "message",
      identifier: chat,
      connectionIdentifiers: JSON.stringify({ sid }),
      data,
    });
  });

  it("open and stop single streams", async () => {
    await perform({ streams: ["a", "b", "c"] });
    await perform({ stoppedStreams: ["b", "never heard of"], streams: ["d"] });
    expect(await streamsHeard("a", "b", "c", "d", chat)).toEqual(["a", "c", "d", chat]);
    // A stream that is stopped and opened in one answer is open.
    await perform({ stoppedStreams: ["a"], streams: ["a"] });
    expect(await streamsHeard("a")).toEqual(["a"]);
  });

  it("stop all streams of the identifier and no other's, before new ones are opened", async () => {
    expect(await client.subscribe(other)).toEqual(hears.confirm(other));
    await perform({ streams: ["a"] });
    await perform({ stopStreams: true, stoppedStreams: ["a"], streams: ["new"] });
    expect(await streamsHeard(chat, "a", "new", other)).toEqual(["new", other]);
  });

  it("stop a stream for one identifier while another still hears it", async () => {
    expect(await client.subscribe(other)).toEqual(hears.confirm(other));
    await perform({ streams: ["shared"] });
    await perform({ streams: ["shared"] }, other);
    await stage.ropeway.publish({ stream: "shared", data: "1" });
    expect(await client.sync()).toEqual([
      { identifier: chat, message: 1 },
      { identifier: other, message: 1 },
    ]);
    await perform({ stoppedStreams: ["shared"] });
    await stage.ropeway.publish({ stream: "shared", data: "2" });
    expect(await client.sync()).toEqual([{ identifier: other, message: 2 }]);
  });

  it("bring back the connection's state and the channel's own, and an empty string deletes", async () => {
    expect(await client.subscribe(other)).toEqual(hears.confirm(other));
    await perform({ env: state({ user: "1", tmp: "x" }, { count: "1", tmp: "y" }) });
    await perform({ env: state({ tmp: "" }, { tmp: "", count: "2" }) });
    expect(stage.commands(sid).at(-1)!.request.env).toMatchObject(state({ user: "1", tmp: "x" }, { count: "1", tmp: "y" }));
    await perform({}, other);
    expect(stage.commands(sid).at(-1)!.request.env).toMatchObject(state({ user: "1" }, {}));
    await perform({ env: state({}, { count: "other" }) }, other);
    await perform({});
    expect(stage.commands(sid).at(-1)!.request.env).toMatchObject(state({ user: "1" }, { count: "2" }));
  });

  it("keep state apart from what JavaScript would make of its keys", async () => {
    const odd = { constructor: "1", toString: "2", "": "3" };
    await perform({ env: { cstate: new Map([["__proto__", "4"]]), istate: new Map(Object.entries(odd)) } });
    await perform({});
    expect(stage.commands(sid).at(-1)!.request.env).toMatchObject({
      cstate: new Map([["__proto__", "4"]]),
      istate: new Map(Object.entries(odd)),
    });
  });

  it("close the connection when the application wants it, after its words and with its state", async () => {
    await perform({ env: state({}, { count: "1" }) });
    stage.application.command = () => ({
      disconnect: true,
      streams: ["a"],
      transmissions: ['{"bye":1}', '{"bye":2}'],
      env: state({ last: "1" }, { count: "2" }),
    });
    client.say({ command: "message", identifier: chat, data: "{}" });
    // What comes after it is not carried out.
    client.say({ command: "message", identifier: chat, data: '{"too":"late"}' });
    expect(await client.ended).toEqual({ code: 1000, reason: "Command Failed" });
    expect(client.unread).toEqual([{ bye: 1 }, { bye: 2 }]);
    await stage.isEmpty();
    await expect
      .poll(() => stage.calls(sid).at(-1))
      .toMatchObject({
        method: "Disconnect",
        request: { subscriptions: [chat], env: state({ last: "1" }, { [chat]: '{"count":"2"}' }) },
      });
    expect(stage.commands(sid).filter(({ request }) => request.data === '{"too":"late"}')).toEqual([]);
  });

  it("are treated alike when the application says FAILURE", async () => {
    expect(await perform({ status: Status.FAILURE, transmissions: ['{"no":1}'], streams: ["a"], env: state({}, { count: "1" }) })).toEqual([
      { no: 1 },
    ]);
    expect(await streamsHeard("a")).toEqual(["a"]);
    await perform({});
    expect(stage.commands(sid).at(-1)!.request.env!.istate).toEqual(new Map([["count", "1"]]));
  });

  it.each([
    [
      "ERROR",
      () => ({ status: Status.ERROR, streams: ["leak"], transmissions: ["{}"], disconnect: true, env: state({ a: "1" }) }),
      "rpc.failed",
    ],
    ["a failure", () => Promise.reject(new Refusal("unknown", "boom")), "rpc.failed"],
    ["silence", () => new Promise<never>(() => {}), "rpc.timeout"],
    ["garbage", () => Uint8Array.from([0xff]), "rpc.invalid_answer"],
    ["an unknown status", () => ({ status: -1, disconnect: true }), "rpc.invalid_answer"],
  ] as const)("that the application answers with %s change nothing", async (what, command, code) => {
    const count = await stage.counting("failed_client_msg_total", "rpc_error_total");
    stage.application.command = command;
    client.say({ command: "message", identifier: chat, data: "{}" });
    await stage.ropeway.logged("command failed", (line) => line["sid"] === sid && line["code"] === code);
    expect(await client.sync()).toEqual([]);
    expect(await count()).toEqual({ failed_client_msg_total: 1, rpc_error_total: what.includes("ERROR") ? 0 : 1 });
    expect(await streamsHeard("leak", chat)).toEqual([chat]);
    expect(await perform({ transmissions: ['{"fine":1}'] })).toEqual([{ fine: 1 }]);
    expect(stage.commands(sid).at(-1)!.request.env).toMatchObject(state({}));
  });

  it("to what is not subscribed, or that are no text, never reach the application", async () => {
    const count = await stage.counting("failed_client_msg_total");
    const commands = stage.commands(sid).length;
    client.say({ command: "message", identifier: "never", data: "{}" });
    client.say({ command: "message", identifier: chat, data: { action: "do" } });
    client.say({ command: "message", identifier: chat });
    expect(await client.sync()).toEqual([]);
    expect(await count()).toEqual({ failed_client_msg_total: 3 });
    expect(stage.commands(sid)).toHaveLength(commands);
  });

  it("that bring answers which only a broker could use change nothing else", async () => {
    const presence = { type: "join", id: "1", info: "{}", ttl: 0 };
    expect(await perform({ presence, transmissions: ['{"n":1}'] })).toEqual([{ n: 1 }]);
  });

  it("may be large, both ways", async () => {
    const data = "x".repeat(60_000);
    const answer = JSON.stringify({ text: "y".repeat(3_000_000) });
    stage.application.command = () => ({ transmissions: [answer] });
    client.say({ command: "message", identifier: chat, data });
    expect(await client.sync()).toEqual([JSON.parse(answer)]);
    expect(stage.commands(sid).at(-1)!.request.data).toBe(data);
  });
});
