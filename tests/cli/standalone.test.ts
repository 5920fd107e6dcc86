import { describe, expect, it, onTestFinished } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

/** A server with these flags, gone when the test is over. */
async function serve(...flags: readonly string[]): Promise<Ropeway> {
  const ropeway = await startRopeway(flags);
  onTestFinished(async () => void (await ropeway.stop()));
  return ropeway;
}

const channel = '{"channel":"ChatChannel"}';
const confirmed = (identifier: string): object => ({ type: "confirm_subscription", identifier });
const rejected = (identifier: string): object => ({ type: "reject_subscription", identifier });

describe("without an application", () => {
  it("clients connect, hear streams and whisper with --noauth --public_streams --norpc", async () => {
    const ropeway = await serve("--noauth", "--public_streams", "--norpc");
    await ropeway.logged("RPC is off: there is no application to ask");
    const [one, other] = [await CableClient.connect(ropeway.cable), await CableClient.connect(ropeway.cable)];
    const identifier = publicStream("room/1");
    for (const client of [one, other]) expect(await client.subscribe(identifier)).toEqual(confirmed(identifier));

    expect(await ropeway.publish({ stream: "room/1", data: '{"from":"outside"}' })).toBe(201);
    for (const client of [one, other]) expect(await client.next()).toEqual({ identifier, message: { from: "outside" } });
    one.say({ command: "whisper", identifier, data: { from: "one" } });
    expect(await other.next()).toEqual({ identifier, message: { from: "one" } });
    expect(await one.sync()).toEqual([]);

    // Channels with actions are an application's, and there is none.
    expect(await one.subscribe(channel)).toEqual(rejected(channel));
    one.say({ command: "message", identifier, data: '{"action":"speak"}' });
    expect(await one.sync()).toEqual([]);
    await ropeway.logged("command failed", ({ command }) => command === "message");

    one.say({ command: "unsubscribe", identifier });
    expect(await one.sync()).toEqual([]);
    expect(await ropeway.publish({ stream: "room/1", data: "1" })).toBe(201);
    expect(await other.next()).toEqual({ identifier, message: 1 });
    expect(await one.sync()).toEqual([]);
  });

  it("nobody hears a stream by its plain name unless --public_streams is on", async () => {
    const ropeway = await serve("--noauth", "--norpc");
    const client = await CableClient.connect(ropeway.cable);
    expect(await client.subscribe(publicStream("a"))).toEqual(rejected(publicStream("a")));
    expect(await ropeway.publish({ stream: "a", data: "1" })).toBe(201);
    expect(await client.sync()).toEqual([]);
    expect(await ropeway.metric("anycable_go_broadcast_streams_num")).toBe(0);
  });

  it.each([
    ["no name", {}],
    ["an empty name", { stream_name: "" }],
    ["a number for a name", { stream_name: 7 }],
    ["a name that nobody signed", { signed_stream_name: "ImEi--0000" }],
    ["a name that nobody signed next to a plain one", { stream_name: "a", signed_stream_name: "ImEi--0000" }],
  ])("a subscription with %s is rejected", async (_what, names) => {
    const ropeway = await serve("--noauth", "--public_streams", "--norpc");
    const client = await CableClient.connect(ropeway.cable);
    const identifier = JSON.stringify({ channel: "$pubsub", ...names });
    expect(await client.subscribe(identifier)).toEqual(rejected(identifier));
  });

  it("nobody is known with --norpc alone, and everybody is refused", async () => {
    const ropeway = await serve("--norpc", "--public_streams");
    const client = new CableClient(ropeway.cable);
    expect(await client.next()).toEqual({ type: "disconnect", reason: "unauthorized", reconnect: false });
    expect(await client.ended).toEqual({ code: 1000, reason: "Auth Failed" });
    expect(await ropeway.metric("anycable_go_failed_auths_total")).toBe(1);
  });

  it("everything is open with --public, which takes the keys out of use", async () => {
    const port = await freePort();
    const ropeway = await serve(
      "--public",
      "--norpc",
      "--broadcast_key=key",
      "--secret=secret",
      `--http_broadcast_port=${port}`,
      "--host=127.0.0.1",
    );
    const client = await CableClient.connect(ropeway.cable);
    expect(await client.subscribe(publicStream("a"))).toEqual(confirmed(publicStream("a")));
    const published = await fetch(`http://127.0.0.1:${port}/_broadcast`, { method: "POST", body: '{"stream":"a","data":"1"}' });
    expect(published.status).toBe(201);
    expect(await client.next()).toMatchObject({ message: 1 });
    // What needs no key has no place among clients.
    expect((await fetch(ropeway.http("/_broadcast"), { method: "POST", body: "{}" })).status).toBe(404);
  });

  it("a client is disconnected by the identifiers that it has", async () => {
    const ropeway = await serve("--noauth", "--norpc");
    const client = new CableClient(ropeway.cable);
    const { sid } = await client.next();
    const bystander = await CableClient.connect(ropeway.cable);
    const payload = { identifier: JSON.stringify({ sid }), reconnect: true };
    expect(await ropeway.publish({ command: "disconnect", payload })).toBe(201);
    expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: true });
    expect(await client.ended).toEqual({ code: 1000, reason: "Closed remotely" });
    expect(await bystander.sync()).toEqual([]);
  });
});

describe("with an application", () => {
  it("--noauth spares it the question who a client is, and nothing else", async () => {
    const app = await startGrpcApp({
      application: {
        command: ({ identifier }) => ({ streams: ["all"], transmissions: [JSON.stringify(confirmed(identifier))] }),
      },
    });
    onTestFinished(() => app.kill());
    const ropeway = await serve("--noauth", `--rpc_host=${app.address}`);
    const client = new CableClient(ropeway.cable);
    const { sid } = await client.next();
    expect(await client.subscribe(channel)).toEqual(confirmed(channel));
    expect(await ropeway.publish({ stream: "all", data: "1" })).toBe(201);
    expect(await client.next()).toEqual({ identifier: channel, message: 1 });
    await client.close();
    await expect.poll(() => app.calls.map(({ method }) => method)).toEqual(["Command", "Disconnect"]);
    for (const call of app.calls) expect(call.sid).toBe(sid);
    expect(app.calls[0]!.request).toMatchObject({ command: "subscribe", connectionIdentifiers: JSON.stringify({ sid }) });
    expect(app.calls[1]!.request).toMatchObject({ identifiers: JSON.stringify({ sid }), subscriptions: [channel] });
  });
});
