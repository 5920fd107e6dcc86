import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { channel, hears, RpcStage, says, state } from "../support/rpc-stage.ts";

const chat = channel("ChatChannel");
const other = channel("OtherChannel");

/** What the application gives Ropeway to keep, from the first call about a client to the last. */
describe("the application's state", () => {
  let stage: RpcStage;

  beforeAll(async () => {
    stage = await RpcStage.start();
  });

  beforeEach(() => stage.reset());

  afterAll(() => stage.stop());

  it("goes from call to call, the connection's with all of them, a channel's with its own", async () => {
    // Each call adds what it is called, and deletes what the one before it added.
    let last = "connect";
    stage.application.connect = (_request, { sid }) => ({
      identifiers: "jane",
      transmissions: [says.welcome(sid)],
      env: state({ base: "kept", connect: "1" }),
    });
    stage.application.command = ({ command, identifier, data }) => {
      const name = `${command} ${data}`.trim();
      const change = { [name]: "1", [last]: "" };
      last = name;
      return { transmissions: command === "subscribe" ? [says.confirm(identifier)] : [], env: state(change, change) };
    };
    const { client, sid } = await stage.connect();
    expect(await client.subscribe(chat)).toEqual(hears.confirm(chat));
    client.say({ command: "message", identifier: chat, data: "one" });
    client.say({ command: "message", identifier: chat, data: "two" });
    expect(await client.subscribe(other)).toEqual(hears.confirm(other));
    client.say({ command: "message", identifier: chat, data: "three" });
    client.say({ command: "unsubscribe", identifier: chat });
    client.say({ command: "message", identifier: other, data: "four" });
    await client.sync();
    await client.close();
    await expect.poll(() => stage.calls(sid)).toHaveLength(9);

    const seen = stage
      .calls(sid)
      .map(({ method, request }) => [
        method === "Command" ? `${request.command} ${request.data}`.trim() : method,
        Object.fromEntries(request.env!.cstate),
        Object.fromEntries(request.env!.istate),
      ]);
    expect(seen).toEqual([
      ["Connect", {}, {}],
      ["subscribe", { base: "kept", connect: "1" }, {}],
      ["message one", { base: "kept", subscribe: "1" }, { subscribe: "1" }],
      ["message two", { base: "kept", "message one": "1" }, { "message one": "1" }],
      ["subscribe", { base: "kept", "message two": "1" }, {}],
      // The other channel's call could not delete what this one has.
      ["message three", { base: "kept", subscribe: "1" }, { "message two": "1" }],
      ["unsubscribe", { base: "kept", "message three": "1" }, { "message two": "1", "message three": "1" }],
      ["message four", { base: "kept", unsubscribe: "1" }, { subscribe: "1" }],
      ["Disconnect", { base: "kept", "message four": "1" }, { [other]: '{"subscribe":"1","message four":"1"}' }],
    ]);
  });

  it("of one client is not another's, even if the application calls them the same", async () => {
    stage.application.connect = ({ env }, { sid }) => ({
      identifiers: "jane",
      transmissions: [says.welcome(sid)],
      env: state({ query: new URL(env!.url).search }),
    });
    const one = await stage.connect({}, "?1");
    const two = await stage.connect({}, "?2");
    for (const { client, sid } of [one, two]) {
      stage.application.command = ({ identifier }) => ({ transmissions: [says.confirm(identifier)], env: state({}, { sid }) });
      await client.subscribe(chat);
    }
    for (const { client, sid } of [one, two]) {
      client.say({ command: "message", identifier: chat, data: "{}" });
      await client.next();
      expect(Object.fromEntries(stage.commands(sid).at(-1)!.request.env!.istate)).toEqual({ sid });
      await client.close();
    }
    expect(Object.fromEntries(stage.commands(one.sid)[0]!.request.env!.cstate)).toEqual({ query: "?1" });
    expect(Object.fromEntries(stage.commands(two.sid)[0]!.request.env!.cstate)).toEqual({ query: "?2" });
  });

  it("may be large", async () => {
    const value = "é".repeat(100_000);
    stage.application.command = ({ identifier }) => ({ transmissions: [says.confirm(identifier)], env: state({ value }, { value }) });
    const { client, sid } = await stage.connect();
    await client.subscribe(chat);
    client.say({ command: "message", identifier: chat, data: "{}" });
    await client.next();
    expect(stage.commands(sid).at(-1)!.request.env).toMatchObject(state({ value }, { value }));
    await client.close();
  });
});
