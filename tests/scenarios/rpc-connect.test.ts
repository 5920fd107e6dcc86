import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Refusal, type Application } from "../support/application.ts";
import { CableClient } from "../support/cable-client.ts";
import { deferred } from "../support/deferred.ts";
import { channel, hears, RpcStage, says, state, Status } from "../support/rpc-stage.ts";

describe("the application decides who comes in", () => {
  let stage: RpcStage;

  beforeAll(async () => {
    stage = await RpcStage.start(["--rpc_command_timeout=1500"]);
  });

  beforeEach(() => stage.reset());

  afterAll(() => stage.stop());

  it("sends a client that is accepted the application's words, byte for byte and in order", async () => {
    const words = ['{ "type":"welcome",  "n": 12345678901234567890, "z":1.0, "a":"<é\\u2028>" }', '{"hello":1}', "not even JSON"];
    stage.application.connect = () => ({ identifiers: "{}", transmissions: words });
    const client = new CableClient(stage.ropeway.cable);
    const texts: string[] = [];
    client.socket.removeAllListeners("message").on("message", (data: Buffer) => texts.push(data.toString()));
    await expect.poll(() => texts).toEqual(words);
    await client.close();
  });

  it("carries out what a client says before it is accepted, after the welcome", async () => {
    const held = deferred();
    stage.application.connect = async (_request, { sid }) => {
      await held.promise;
      return { identifiers: "{}", transmissions: [says.welcome(sid)] };
    };
    const before = stage.connects.length;
    const client = new CableClient(stage.ropeway.cable);
    client.socket.once("open", () => client.say({ command: "subscribe", identifier: "early" }));
    await expect.poll(() => stage.connects.length).toBe(before + 1);
    expect(await stage.ropeway.metric("anycable_go_clients_num")).toBe(0);
    held.resolve();
    expect(await client.next()).toMatchObject({ type: "welcome" });
    expect(await client.next()).toEqual(hears.confirm("early"));
    expect(await stage.ropeway.metric("anycable_go_clients_num")).toBe(1);
    await client.close();
  });

  it("sends a client that is refused the application's words and closes with 1000", async () => {
    const count = await stage.counting("failed_auths_total", "rpc_error_total");
    stage.application.connect = () => ({ status: Status.FAILURE, identifiers: "x", transmissions: ['{"why":"you"}', says.unauthorized] });
    const client = new CableClient(stage.ropeway.cable);
    expect(await client.ended).toEqual({ code: 1000, reason: "Auth Failed" });
    expect(client.unread).toEqual([{ why: "you" }, { type: "disconnect", reason: "unauthorized", reconnect: false }]);
    expect(await count()).toEqual({ failed_auths_total: 1, rpc_error_total: 0 });
    await stage.isEmpty();
  });

  it("carries out nothing for a client that is refused, and tells nobody that it has gone", async () => {
    const held = deferred();
    stage.application.connect = async () => {
      await held.promise;
      return { status: Status.FAILURE };
    };
    const before = stage.connects.length;
    const refused = new CableClient(stage.ropeway.cable);
    refused.socket.once("open", () => refused.say({ command: "subscribe", identifier: "early" }));
    await expect.poll(() => stage.connects.length).toBe(before + 1);
    held.resolve();
    expect(await refused.ended).toEqual({ code: 1000, reason: "Auth Failed" });

    stage.reset();
    const { client, sid } = await stage.connect();
    await client.close();
    await expect.poll(() => stage.calls(sid).map(({ method }) => method)).toEqual(["Connect", "Disconnect"]);
    expect(stage.calls(stage.connects[before]!.sid)).toHaveLength(1);
  });

  const failing: readonly (readonly [string, NonNullable<Application["connect"]>, string])[] = [
    ["answers ERROR", () => ({ status: Status.ERROR, errorMsg: "boom", transmissions: ['{"type":"welcome"}'] }), "rpc.failed"],
    ["fails", () => Promise.reject(new Error("boom")), "rpc.failed"],
    ["does not answer in time", () => new Promise(() => {}), "rpc.timeout"],
    ["says that it is unavailable for too long", () => Promise.reject(new Refusal("unavailable", "later")), "rpc.timeout"],
    ["refuses our credentials", () => Promise.reject(new Refusal("unauthenticated", "who?")), "rpc.unauthenticated"],
    ["answers with bytes that are no message", () => Uint8Array.from([0x0a, 0x7f, 0x00]), "rpc.invalid_answer"],
    ["answers with a status that nobody knows", () => ({ status: 9, transmissions: ['{"type":"welcome"}'] }), "rpc.invalid_answer"],
  ];

  it.each(failing)("closes with 1011 and without a word when the application %s", async (what, connect, code) => {
    const count = await stage.counting("failed_auths_total", "rpc_error_total", "rpc_timeout_total");
    stage.application.connect = connect;
    const before = stage.connects.length;
    const client = new CableClient(stage.ropeway.cable);
    expect(await client.ended).toEqual({ code: 1011, reason: "Auth Error" });
    expect(client.unread).toEqual([]);
    const { sid } = stage.connects[before]!;
    await stage.ropeway.logged(/^connection refused/, (line) => line["sid"] === sid && line["code"] === code);
    expect(await count()).toEqual({
      failed_auths_total: 0,
      rpc_error_total: what.includes("ERROR") ? 0 : 1,
      rpc_timeout_total: code === "rpc.timeout" ? 1 : 0,
    });
    await stage.isEmpty();
    stage.reset();
    await (await stage.connect()).client.close();
  });

  it("tells the application URL, cookies and address of the client, and no other header", async () => {
    const headers = { cookie: "user=1; b=john green", "x-api-token": "abc", "x-forwarded-for": "6.6.6.6", remote_addr: "6.6.6.6" };
    const { client, sid } = await stage.connect({ headers }, "?token=secret&name=a%20b");
    await client.subscribe("one");
    const url = `http://127.0.0.1:${stage.ropeway.port}/cable?token=secret&name=a%20b`;
    const proxied = new Map(Object.entries({ cookie: headers.cookie, REMOTE_ADDR: "127.0.0.1" }));
    const [connect, subscribe] = stage.calls(sid);
    expect(connect).toMatchObject({ method: "Connect", protov: "v1", request: { env: { url, headers: proxied } } });
    expect(subscribe).toMatchObject({ method: "Command", protov: "v1", request: { env: { url, headers: proxied } } });
    await client.close();
    await expect
      .poll(() => stage.calls(sid)[2])
      .toMatchObject({ method: "Disconnect", protov: "v1", request: { env: { url, headers: proxied } } });
  });

  it("takes the host that the client named, and tells two clients apart", async () => {
    const one = await stage.connect({ headers: { host: "cable.example.com" } });
    const other = await stage.connect();
    expect(one.sid).not.toBe(other.sid);
    expect(stage.calls(one.sid)[0]!.request.env!.url).toBe("http://cable.example.com/cable");
    expect(stage.calls(other.sid)[0]!.request.env!.headers).toEqual(new Map([["REMOTE_ADDR", "127.0.0.1"]]));
    await one.client.close();
    await other.client.close();
  });

  it("does not take the session's id from the client", async () => {
    const { client, sid } = await stage.connect({ headers: { "x-request-id": "chosen-by-me" } }, "?sid=chosen-by-me");
    expect(sid).not.toBe("chosen-by-me");
    await client.close();
  });

  it("keeps the state that the application gives it, for the calls that follow", async () => {
    stage.application.connect = (_request, { sid }) => ({
      identifiers: "someone",
      transmissions: [says.welcome(sid)],
      env: state({ _s_: '{"user":1}', __proto: "x", empty: "" }, { ignored: "1" }),
    });
    const { client, sid } = await stage.connect();
    await client.subscribe(channel("ChatChannel"));
    expect(stage.commands(sid)[0]!.request).toMatchObject({
      connectionIdentifiers: "someone",
      env: state({ _s_: '{"user":1}', __proto: "x" }),
    });
    await client.close();
  });
});

describe("what of the client's request the application gets to see", () => {
  let stage: RpcStage;

  beforeAll(async () => {
    stage = await RpcStage.start(["--headers=Cookie,X-Api-Token,origin", "--proxy-cookies=session,b"]);
  });

  afterAll(() => stage.stop());

  const headersOf = (sid: string): object => Object.fromEntries(stage.calls(sid)[0]!.request.env!.headers);

  it("is the headers that --headers names, and the cookies that --proxy-cookies names", async () => {
    const cookie = 'a=1; session=x=y="z"; bb=2;b=john green; c; session_2=3';
    const { client, sid } = await stage.connect({ headers: { cookie, "x-api-token": "abc", "x-other": "1" } });
    expect(headersOf(sid)).toEqual({ cookie: 'session=x=y="z"; b=john green', "x-api-token": "abc", REMOTE_ADDR: "127.0.0.1" });
    await client.close();
  });

  it("is nothing of a header that is absent, empty or without a cookie to show", async () => {
    const { client, sid } = await stage.connect({ headers: { cookie: "a=1; c=2", "x-api-token": "" } });
    expect(headersOf(sid)).toEqual({ REMOTE_ADDR: "127.0.0.1" });
    await client.close();
  });
});
