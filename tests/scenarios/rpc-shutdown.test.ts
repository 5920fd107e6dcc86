import { describe, expect, it, onTestFinished } from "vitest";
import { Refusal } from "../support/application.ts";
import { CableClient } from "../support/cable-client.ts";
import { hears, RpcStage } from "../support/rpc-stage.ts";

const restart = { type: "disconnect", reason: "server_restart", reconnect: true };

async function started(flags: readonly string[]): Promise<RpcStage> {
  const stage = await RpcStage.start(flags);
  onTestFinished(() => stage.stop());
  return stage;
}

async function crowd(stage: RpcStage, size: number): Promise<readonly { readonly client: CableClient; readonly sid: string }[]> {
  return Promise.all(Array.from({ length: size }, () => stage.connect()));
}

describe("at shutdown", () => {
  it("every client is told, and the application is told of every client, whatever the rate", async () => {
    const stage = await started(["--disconnect_rate=1"]);
    const clients = await crowd(stage, 50);
    for (const { client } of clients) expect(await client.subscribe("one")).toEqual(hears.confirm("one"));
    expect(await stage.ropeway.stop()).toBe(0);
    for (const { client } of clients) {
      expect(await client.ended).toEqual({ code: 1001, reason: "Server restart" });
      expect(client.unread).toEqual([restart]);
    }
    expect(stage.disconnects.map(({ sid }) => sid).toSorted()).toEqual(clients.map(({ sid }) => sid).toSorted());
    for (const { request } of stage.disconnects) expect(request.subscriptions).toEqual(["one"]);
    expect(stage.ropeway.log.filter(({ level }) => level === "WARN" || level === "ERROR")).toEqual([]);
  });

  it("an application that takes its time is waited for, and asked no more at once than ever", async () => {
    const stage = await started(["--rpc_concurrency=4"]);
    let running = 0;
    let most = 0;
    stage.application.disconnect = async () => {
      most = Math.max(most, ++running);
      for (let at = 0; at < 20; at++) await new Promise((resolve) => setImmediate(resolve));
      running--;
      return {};
    };
    await crowd(stage, 50);
    expect(await stage.ropeway.stop()).toBe(0);
    expect(stage.disconnects).toHaveLength(50);
    expect(most).toBe(4);
  });

  it("an application that refuses for a moment is asked again", async () => {
    const stage = await started([]);
    let refusals = 3;
    stage.application.disconnect = () => (refusals-- > 0 ? Promise.reject(new Refusal("unavailable", "later")) : {});
    const { sid } = await stage.connect();
    expect(await stage.ropeway.stop()).toBe(0);
    expect(stage.disconnects.map((call) => call.sid)).toEqual([sid, sid, sid, sid]);
    await stage.ropeway.logged("Stopped");
  });

  it("an application that hangs is given up at the deadline, and the log says how many calls were lost", async () => {
    const stage = await started(["--shutdown_timeout=1", "--rpc_command_timeout=30000", "--rpc_concurrency=10"]);
    stage.application.disconnect = () => new Promise(() => {});
    const clients = await crowd(stage, 50);
    expect(await stage.ropeway.stop()).toBe(0);
    for (const { client } of clients) expect(await client.ended).toEqual({ code: 1001, reason: "Server restart" });
    expect(stage.disconnects).toHaveLength(10);
    expect(await stage.ropeway.logged(/^shutdown deadline passed/)).toMatchObject({ dropped: 40, unfinished: 10 });
  });

  it("an application that is away is given up at the deadline", async () => {
    const stage = await started(["--shutdown_timeout=1", "--rpc_command_timeout=30000", "--rpc_concurrency=10"]);
    await crowd(stage, 25);
    await stage.killApplication();
    await stage.ropeway.logged("the application can't be reached; trying on");
    expect(await stage.ropeway.stop()).toBe(0);
    expect(await stage.ropeway.logged(/^shutdown deadline passed/)).toMatchObject({ dropped: 15, unfinished: 10 });
  });

  it("an application that is away for longer than rpc_command_timeout doesn't hold it up to the deadline", async () => {
    const stage = await started(["--shutdown_timeout=600", "--rpc_command_timeout=1000"]);
    const [{ sid } = { sid: "" }] = await crowd(stage, 1);
    await stage.killApplication();
    expect(await stage.ropeway.stop()).toBe(0);
    await stage.ropeway.logged("disconnect call failed", (line) => line["sid"] === sid && line["code"] === "rpc.timeout");
  });

  it("a client in the middle of a command is told too, and its call is canceled", async () => {
    const stage = await started([]);
    const { client, sid } = await stage.connect();
    expect(await client.subscribe("one")).toEqual(hears.confirm("one"));
    stage.application.command = () => new Promise(() => {});
    client.say({ command: "subscribe", identifier: "two" });
    await expect.poll(() => stage.commands(sid)).toHaveLength(2);
    expect(await stage.ropeway.stop()).toBe(0);
    expect(await client.ended).toEqual({ code: 1001, reason: "Server restart" });
    expect(client.unread).toEqual([restart]);
    await expect.poll(() => stage.commands(sid)[1]!.canceled.aborted).toBe(true);
    expect(stage.disconnects.map((call) => [call.sid, call.request.subscriptions])).toEqual([[sid, ["one"]]]);
  });

  it("a client that was not yet let in is told too, and the application never hears of it again", async () => {
    const stage = await started([]);
    stage.application.connect = () => new Promise(() => {});
    const client = new CableClient(stage.ropeway.cable);
    await expect.poll(() => stage.connects).toHaveLength(1);
    expect(await stage.ropeway.stop()).toBe(0);
    expect(await client.ended).toEqual({ code: 1001, reason: "Server restart" });
    expect(client.unread).toEqual([restart]);
    await expect.poll(() => stage.connects[0]!.canceled.aborted).toBe(true);
    expect(stage.disconnects).toEqual([]);
  });
});
