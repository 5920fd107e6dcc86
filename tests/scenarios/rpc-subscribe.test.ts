import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Refusal, type Application } from "../support/application.ts";
import { publicStream, type CableClient } from "../support/cable-client.ts";
import { deferred } from "../support/deferred.ts";
import { channel, hears, RpcStage, says, state, Status } from "../support/rpc-stage.ts";

type Command = NonNullable<Application["command"]>;

/** Everything that an application can do wrong, with the code that the log shows. */
const faults: readonly (readonly [string, Command, string])[] = [
  ["answers ERROR", () => ({ status: Status.ERROR, streams: ["leak"], transmissions: ['{"from":"ERROR"}'] }), "rpc.failed"],
  ["fails", () => Promise.reject(new Error("boom")), "rpc.failed"],
  ["does not answer in time", () => new Promise(() => {}), "rpc.timeout"],
  ["has no capacity for too long", () => Promise.reject(new Refusal("exhausted", "full")), "rpc.timeout"],
  ["answers with bytes that are no message", () => Uint8Array.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), "rpc.invalid_answer"],
  ["answers with a status that nobody knows", () => ({ status: 3, streams: ["leak"] }), "rpc.invalid_answer"],
];

describe("subscribing through the application", () => {
  let stage: RpcStage;
  let client: CableClient;
  let sid: string;
  const chat = channel("ChatChannel", { id: "1" });

  beforeAll(async () => {
    stage = await RpcStage.start(["--rpc_command_timeout=1500", "--public_streams"]);
  });

  beforeEach(async () => {
    stage.reset();
    ({ client, sid } = await stage.connect());
    return async () => {
      await client.close();
      await stage.isEmpty();
    };
  });

  afterAll(() => stage.stop());

  async function hearsNothingOf(...streams: readonly string[]): Promise<void> {
    await stage.ropeway.metricBecomes("anycable_go_broadcast_streams_num", 0);
    for (const stream of streams) expect(await stage.ropeway.publish({ stream, data: '"leaked"' })).toBe(201);
    expect(await client.sync()).toEqual([]);
  }

  /** And it works as if nothing had been. */
  async function canBeSubscribed(): Promise<void> {
    stage.reset();
    expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
    expect(stage.commands(sid).at(-1)!.request.env!.istate).toEqual(new Map());
    await stage.ropeway.publish({ stream: chat, data: '"live"' });
    expect(await client.next()).toEqual({ identifier: chat, message: "live" });
  }

  it("asks with all that it knows, sends the application's words and opens its streams", async () => {
    stage.application.command = () => ({ streams: ["a", "b", "a"], transmissions: ['{"first":1}', says.confirm(chat)] });
    expect(await client.subscribe(chat)).toEqual({ first: 1 });
    expect(await client.next()).toEqual(hears.confirm(chat));
    expect(stage.commands(sid).map(({ request }) => request)).toMatchObject([
      { command: "subscribe", identifier: chat, connectionIdentifiers: JSON.stringify({ sid }), data: "", env: state({}) },
    ]);
    expect(await stage.ropeway.metric("anycable_go_broadcast_streams_num")).toBe(2);
    for (const stream of ["a", "b", "c"]) await stage.ropeway.publish({ stream, data: JSON.stringify({ stream }) });
    expect(await client.sync()).toEqual([
      { identifier: chat, message: { stream: "a" } },
      { identifier: chat, message: { stream: "b" } },
    ]);
  });

  it("takes any text for an identifier and gives it back as it was", async () => {
    for (const identifier of ["chat", '{ "id":1.0,"channel":"X" }', '{"channel":"Б💥","a":"\\u0041"}', "__proto__", "null", " "]) {
      expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
      expect(stage.commands(sid).at(-1)!.request.identifier).toBe(identifier);
    }
  });

  it("leaves nothing of a subscription that the application refuses", async () => {
    const count = await stage.counting("failed_client_msg_total", "rpc_error_total");
    stage.application.command = () => ({
      status: Status.FAILURE,
      streams: ["leak"],
      transmissions: ['{"why":"you"}', says.reject(chat)],
      env: state({ refused: "once" }, { leaked: "1" }),
    });
    expect(await client.subscribe(chat)).toEqual({ why: "you" });
    expect(await client.next()).toEqual(hears.reject(chat));
    expect(await count()).toEqual({ failed_client_msg_total: 0, rpc_error_total: 0 });
    await hearsNothingOf("leak");
    client.say({ command: "message", identifier: chat, data: "{}" });
    await client.sync();
    expect(stage.commands(sid)).toHaveLength(1);
    await canBeSubscribed();
    // What it said of the connection counts all the same.
    expect(stage.commands(sid).at(-1)!.request.env!.cstate).toEqual(new Map([["refused", "once"]]));
  });

  it("closes when the application refuses and wants it gone", async () => {
    stage.application.command = () => ({ status: Status.FAILURE, disconnect: true, transmissions: [says.reject(chat)] });
    expect(await client.subscribe(chat)).toEqual(hears.reject(chat));
    expect(await client.ended).toEqual({ code: 1000, reason: "Command Failed" });
    await expect.poll(() => stage.calls(sid).at(-1)).toMatchObject({ method: "Disconnect", request: { subscriptions: [] } });
  });

  it.each(faults)("leaves nothing and says nothing when the application %s", async (what, command, code) => {
    const count = await stage.counting("failed_client_msg_total", "rpc_error_total", "rpc_timeout_total");
    stage.application.command = command;
    client.say({ command: "subscribe", identifier: chat });
    await stage.ropeway.logged("command failed", (line) => line["sid"] === sid && line["code"] === code && line["command"] === "subscribe");
    expect(await count()).toEqual({
      failed_client_msg_total: 1,
      rpc_error_total: what.includes("ERROR") ? 0 : 1,
      rpc_timeout_total: code === "rpc.timeout" ? 1 : 0,
    });
    await hearsNothingOf("leak", chat);
    await canBeSubscribed();
  });

  it("never confirms a second time", async () => {
    const held = deferred();
    stage.application.command = async ({ identifier }) => {
      await held.promise;
      return { transmissions: [says.confirm(identifier)], streams: ["s"] };
    };
    const count = await stage.counting("failed_client_msg_total");
    // Two of them while the first is being asked about, and one more when it stands.
    for (let at = 0; at < 3; at++) client.say({ command: "subscribe", identifier: chat });
    await expect.poll(() => stage.commands(sid)).toHaveLength(1);
    held.resolve();
    expect(await client.next()).toEqual(hears.confirm(chat));
    client.say({ command: "subscribe", identifier: chat });
    expect(await client.sync()).toEqual([]);
    expect(await count()).toEqual({ failed_client_msg_total: 3 });
    expect(stage.commands(sid)).toHaveLength(1);
    await stage.ropeway.publish({ stream: "s", data: "1" });
    expect(await client.sync()).toEqual([{ identifier: chat, message: 1 }]);
  });

  describe("and back", () => {
    beforeEach(async () => {
      stage.application.command = () => ({ streams: ["s"], transmissions: [says.confirm(chat)], env: state({}, { count: "1" }) });
      expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
    });

    it("has no acknowledgement, and tells the application with the state that it left", async () => {
      stage.application.command = () => ({ env: state({ seen: "1" }, { count: "2", more: "3" }) });
      client.say({ command: "unsubscribe", identifier: chat });
      expect(await client.sync()).toEqual([]);
      expect(stage.commands(sid).at(-1)!.request).toMatchObject({
        command: "unsubscribe",
        identifier: chat,
        env: state({}, { count: "1" }),
      });
      await hearsNothingOf("s");
      await canBeSubscribed();
      expect(stage.commands(sid).at(-1)!.request.env!.cstate).toEqual(new Map([["seen", "1"]]));
    });

    it("passes on what the application says at the end, and opens no streams", async () => {
      stage.application.command = () => ({ transmissions: ['{"bye":1}'], streams: ["late"], stopStreams: true });
      client.say({ command: "unsubscribe", identifier: chat });
      expect(await client.next()).toEqual({ bye: 1 });
      await hearsNothingOf("s", "late");
    });

    it("is silent at once, before the application has answered", async () => {
      const held = deferred();
      stage.application.command = async () => {
        await held.promise;
        return {};
      };
      client.say({ command: "unsubscribe", identifier: chat });
      await expect.poll(() => stage.commands(sid)).toHaveLength(2);
      await stage.ropeway.publish({ stream: "s", data: "1" });
      held.resolve();
      expect(await client.sync()).toEqual([]);
    });

    it.each([...faults, ["answers FAILURE", () => ({ status: Status.FAILURE }), undefined] as const])(
      "is gone even when the application %s",
      async (_what, command, code) => {
        const count = await stage.counting("failed_client_msg_total");
        stage.application.command = command;
        client.say({ command: "unsubscribe", identifier: chat });
        if (code) await stage.ropeway.logged("command failed", (line) => line["sid"] === sid && line["code"] === code);
        expect(await client.sync()).toEqual([]);
        expect(await count()).toEqual({ failed_client_msg_total: code ? 1 : 0 });
        await hearsNothingOf("s", "leak");
        await canBeSubscribed();
      },
    );

    it("is not asked about for what was never subscribed", async () => {
      const count = await stage.counting("failed_client_msg_total");
      client.say({ command: "unsubscribe", identifier: "never" });
      expect(await client.sync()).toEqual([]);
      expect(await count()).toEqual({ failed_client_msg_total: 1 });
      expect(stage.commands(sid)).toHaveLength(1);
    });
  });

  describe("history and presence without a broker", () => {
    const since = { since: 1_700_000_000 };

    it("rejects history right after the confirmation when a subscription asks for it", async () => {
      client.say({ command: "subscribe", identifier: chat, history: since });
      expect(await client.next()).toEqual(hears.confirm(chat));
      expect(await client.next()).toEqual({ type: "reject_history", identifier: chat });
      expect(await client.sync()).toEqual([]);
    });

    it("rejects it for a public stream just so", async () => {
      client.say({ command: "subscribe", identifier: publicStream("open"), history: since });
      client.say({ command: "history", identifier: publicStream("open"), history: since });
      const rejection = { type: "reject_history", identifier: publicStream("open") };
      expect(await client.sync()).toEqual([hears.confirm(publicStream("open")), rejection, rejection]);
      expect(stage.commands(sid)).toEqual([]);
    });

    it("says nothing of history for a subscription that is refused", async () => {
      stage.application.command = () => ({ status: Status.FAILURE, transmissions: [says.reject(chat)] });
      client.say({ command: "subscribe", identifier: chat, history: since });
      expect(await client.next()).toEqual(hears.reject(chat));
      expect(await client.sync()).toEqual([]);
    });

    it("answers history with its rejection, presence with its error, and join and leave with nothing, without asking anybody", async () => {
      await client.subscribe(chat);
      client.say({ command: "history", identifier: chat, history: { streams: { s: { epoch: "x", offset: 1 } } } });
      client.say({ command: "presence", identifier: chat, data: { return_records: true } });
      client.say({ command: "join", identifier: chat, presence: { id: "42", info: { name: "Jane" } } });
      client.say({ command: "leave", identifier: chat });
      expect(await client.sync()).toEqual([
        { type: "reject_history", identifier: chat },
        { type: "presence", identifier: chat, message: { type: "error", total: 0 } },
      ]);
      expect(stage.commands(sid)).toHaveLength(1);
    });

    it("says nothing about an identifier that is not subscribed", async () => {
      for (const command of ["history", "presence", "join", "leave"]) client.say({ command, identifier: chat, history: since });
      expect(await client.sync()).toEqual([]);
    });
  });
});
