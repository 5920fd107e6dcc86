import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { deferred, type Deferred } from "../support/deferred.ts";
import { RawWebsocket } from "../support/raw-websocket.ts";
import { hears, RpcStage, says } from "../support/rpc-stage.ts";

const ways = [
  ["breaks off", (client: CableClient) => client.drop()],
  ["closes", (client: CableClient) => client.close()],
] as const;

describe("a client that goes away while the application is being asked", () => {
  let stage: RpcStage;
  let held: Deferred<void>;

  beforeAll(async () => {
    stage = await RpcStage.start(["--rpc_command_timeout=30000", "--ping_interval=1"]);
  });

  beforeEach(() => {
    stage.reset();
    held = deferred();
    return async () => {
      held.resolve();
      await stage.isEmpty();
    };
  });

  afterAll(() => stage.stop());

  /** The application answers `command` only when `held` is, with a stream. */
  function hold(command: string): void {
    const atOnce = stage.application.command!;
    stage.application.command = async (request, call) => {
      if (request.command !== command) return atOnce(request, call);
      await held.promise;
      return { streams: ["leak"], transmissions: [says.confirm(request.identifier)] };
    };
  }

  /** Its call is canceled, and what the application answers all the same leaves no trace. */
  async function leavesNoTrace(sid: string): Promise<void> {
    await expect.poll(() => stage.calls(sid).some(({ canceled }) => canceled.aborted)).toBe(true);
    await stage.ropeway.metricBecomes("anycable_go_clients_num", 0);
    held.resolve();
    stage.reset();
    // Somebody else's call comes after the late answer.
    const { client } = await stage.connect();
    await client.subscribe("afterwards");
    expect(await stage.ropeway.metric("anycable_go_broadcast_streams_num")).toBe(1);
    expect(await stage.ropeway.metric("anycable_go_clients_num")).toBe(1);
    await client.close();
  }

  it.each(ways)("leaves no trace when it %s before it was let in", async (_how, leave) => {
    const count = await stage.counting("rpc_canceled_total", "rpc_error_total", "failed_auths_total");
    stage.application.connect = async (_request, { sid }) => {
      await held.promise;
      return { identifiers: "late", transmissions: [says.welcome(sid)] };
    };
    const before = stage.connects.length;
    const client = new CableClient(stage.ropeway.cable);
    await expect.poll(() => stage.connects.length).toBe(before + 1);
    await leave(client);
    const { sid } = stage.connects[before]!;
    await leavesNoTrace(sid);
    expect(await count()).toEqual({ rpc_canceled_total: 1, rpc_error_total: 0, failed_auths_total: 0 });
    // It never was a client.
    expect(stage.calls(sid)).toHaveLength(1);
  });

  describe.each(ways)("and %s", (_how, leave) => {
    it.each(["subscribe", "message", "unsubscribe"])("leaves no trace in the middle of %s", async (command) => {
      const count = await stage.counting("rpc_canceled_total", "rpc_error_total", "failed_client_msg_total");
      const { client, sid } = await stage.connect();
      if (command !== "subscribe") expect(await client.subscribe("one")).toEqual(hears.confirm("one"));
      hold(command);
      const asked = stage.commands(sid).length;
      client.say({ command, identifier: "one", data: "1" });
      // These wait, and are forgotten with it.
      for (let at = 0; at < 10; at++) client.say({ command: "message", identifier: "one", data: "waiting" });
      client.say({ command: "subscribe", identifier: "two" });
      await expect.poll(() => stage.commands(sid)).toHaveLength(asked + 1);
      await leave(client);
      await leavesNoTrace(sid);
      expect(await count()).toEqual({ rpc_canceled_total: 1, rpc_error_total: 0, failed_client_msg_total: 0 });
      expect(stage.commands(sid)).toHaveLength(asked + 1);
      // An application that was not yet done with the subscription's end hears of it here.
      await expect
        .poll(() => stage.calls(sid).at(-1))
        .toMatchObject({
          method: "Disconnect",
          request: { subscriptions: command === "subscribe" ? [] : ["one"] },
        });
    });
  });

  it("leaves no trace when the application closes it by another way", async () => {
    const { client, sid } = await stage.connect();
    await client.subscribe("one");
    hold("message");
    client.say({ command: "message", identifier: "one", data: "1" });
    await expect.poll(() => stage.commands(sid)).toHaveLength(2);
    await stage.ropeway.publish({ command: "disconnect", payload: { identifier: JSON.stringify({ sid }) } });
    expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: false });
    expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
    await leavesNoTrace(sid);
  });

  it("is noticed although so much waits that nothing more is read from it", async () => {
    const raw = await RawWebsocket.connect(stage.ropeway.port);
    raw.text(JSON.stringify({ command: "subscribe", identifier: "one" }));
    await expect.poll(() => raw.bytes.includes("confirm_subscription")).toBe(true);
    const { sid } = stage.connects.at(-1)!;
    hold("message");
    const message = raw.frame(1, JSON.stringify({ command: "message", identifier: "one", data: "x".repeat(1_000) }));
    raw.send(...Array.from({ length: 10_000 }, () => message));
    await expect.poll(() => stage.commands(sid)).toHaveLength(2);
    raw.socket.destroy();
    // The pings that it doesn't take tell.
    await leavesNoTrace(sid);
    expect(stage.commands(sid)).toHaveLength(2);
  });
});
