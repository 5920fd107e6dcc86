import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publicStream } from "../support/cable-client.ts";
import { bodiesOf, connectExt, positionOf, until } from "../support/ext-client.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, RpcStage, says, state } from "../support/rpc-stage.ts";
import { signed } from "../support/tokens.ts";

const back = (ropeway: Ropeway, sid: string): string => `${ropeway.cable}?sid=${sid}`;

describe("a client that comes back to its session", () => {
  let ropeway: Ropeway;
  beforeAll(async () => {
    ropeway = await startRopeway([...standalone, "--broker=memory"]);
  });
  afterAll(() => ropeway.stop());

  it("is welcomed under a new sid, hears its streams without subscribing, and gets what it missed before anything newer", async () => {
    const identifier = publicStream("a");
    const first = await connectExt(ropeway.cable);
    expect(first.welcome).toEqual({ type: "welcome", sid: first.sid });
    await first.client.subscribe(identifier);
    await ropeway.publish({ stream: "a", data: "1" });
    const last = positionOf(await first.client.next());
    await first.client.drop();
    await ropeway.publish({ stream: "a", data: "2" });

    const second = await connectExt(back(ropeway, first.sid));
    expect(second.welcome).toEqual({ type: "welcome", sid: second.sid, restored: true, restored_ids: [identifier] });
    expect(second.sid).not.toBe(first.sid);
    await ropeway.publish({ stream: "a", data: "3" });
    second.client.say({ command: "history", identifier, history: { since: 0, streams: { a: last } } });
    expect(bodiesOf(await until(second.client, "confirm_history"))).toEqual([2, 3]);
    await ropeway.publish({ stream: "a", data: "4" });
    expect(bodiesOf([await second.client.next()])).toEqual([4]);
    await second.client.close();
  });

  it("hears what comes when it does not ask, and can't ask for what was before that any more", async () => {
    const identifier = publicStream("b");
    const first = await connectExt(ropeway.cable);
    await first.client.subscribe(identifier);
    await ropeway.publish({ stream: "b", data: "1" });
    const last = positionOf(await first.client.next());
    await first.client.drop();
    await ropeway.publish({ stream: "b", data: "2" });
    const second = await connectExt(ropeway.cable, { headers: { "x-anycable-restore-sid": first.sid } });
    expect(second.welcome["restored"]).toBe(true);
    await ropeway.publish({ stream: "b", data: "3" });
    expect(bodiesOf([await second.client.next()])).toEqual([3]);
    second.client.say({ command: "history", identifier, history: { since: 0, streams: { b: last } } });
    expect(await second.client.next()).toEqual({ type: "reject_history", identifier });
    await second.client.close();
  });

  it("asks for nothing, as one that has heard nothing does, and goes on with what comes", async () => {
    const identifier = publicStream("nothing");
    const first = await connectExt(ropeway.cable);
    await first.client.subscribe(identifier);
    await first.client.drop();
    const { client } = await connectExt(back(ropeway, first.sid));
    await ropeway.publish({ stream: "nothing", data: "1" });
    client.say({ command: "history", identifier });
    expect(await client.next()).toEqual({ type: "reject_history", identifier });
    await ropeway.publish({ stream: "nothing", data: "2" });
    expect(bodiesOf([await client.next(), await client.next()])).toEqual([1, 2]);
    await client.close();
  });

  it("does not if that had become larger than anybody keeps", async () => {
    const { client, sid } = await connectExt(ropeway.cable);
    const padding = "x".repeat(60_000);
    for (let at = 0; at < 20; at++) {
      await client.subscribe(JSON.stringify({ channel: "$pubsub", stream_name: `large${at}`, padding }));
    }
    await ropeway.logged(/^A session has become too large/, (line) => line["sid"] === sid);
    await client.drop();
    const { client: returned, welcome } = await connectExt(back(ropeway, sid));
    expect(welcome["restored"]).toBeUndefined();
    await returned.close();
  });

  it("ends its old connection, which still looked open", async () => {
    const first = await connectExt(ropeway.cable);
    const second = await connectExt(back(ropeway, first.sid));
    expect(second.welcome).toEqual({ type: "welcome", sid: second.sid, restored: true });
    expect(await first.client.next()).toEqual({ type: "disconnect", reason: "session_restored", reconnect: false });
    expect((await first.client.ended).code).toBe(1000);
    await second.client.close();
  });

  it("has it alone: whoever names the same sid again gets a session of his own", async () => {
    const first = await connectExt(ropeway.cable);
    await first.client.subscribe(publicStream("c"));
    await first.client.drop();
    const all = await Promise.all(Array.from({ length: 10 }, () => connectExt(back(ropeway, first.sid))));
    expect(all.filter(({ welcome }) => welcome["restored"] === true)).toHaveLength(1);
    await Promise.all(all.map(({ client }) => client.close()));
  });

  it.each([
    ["nobody", "no-such-session"],
    ["a path", "../../etc"],
    ["too long", "x".repeat(5_000)],
  ])("named %s gets a new one", async (_what, sid) => {
    const { client, welcome } = await connectExt(back(ropeway, sid));
    expect(welcome["restored"]).toBeUndefined();
    await client.close();
  });

  it("without the extended protocol gets a new one", async () => {
    const first = await connectExt(ropeway.cable);
    await first.client.drop();
    const { client, welcome } = await connectExt(back(ropeway, first.sid), { protocols: ["actioncable-v1-json"] });
    expect(welcome["restored"]).toBeUndefined();
    await client.close();
  });

  it("can't come back to one that the application has ended", async () => {
    const first = await connectExt(ropeway.cable);
    expect(
      await ropeway.publish({ command: "disconnect", payload: { identifier: JSON.stringify({ sid: first.sid }), reconnect: true } }),
    ).toBe(201);
    await first.client.ended;
    const { client, welcome } = await connectExt(back(ropeway, first.sid));
    expect(welcome["restored"]).toBeUndefined();
    await client.close();
  });
});

describe("a session with a token", () => {
  let ropeway: Ropeway;
  beforeAll(async () => {
    ropeway = await startRopeway(["--norpc", "--public_streams", "--broker=memory", "--jwt_secret=qwerty"]);
  });
  afterAll(() => ropeway.stop());

  const token = (user: number, exp?: number): Promise<string> =>
    signed({ ext: JSON.stringify({ user }), ...(exp !== undefined && { exp }) }, "qwerty");

  it("is for who shows a token of the same client, and for nobody else", async () => {
    const first = await connectExt(`${ropeway.cable}?jid=${await token(1)}`);
    await first.client.subscribe(publicStream("a"));
    await first.client.drop();
    const other = await connectExt(`${back(ropeway, first.sid)}&jid=${await token(2)}`);
    expect(other.welcome["restored"]).toBeUndefined();
    const nobody = await connectExt(back(ropeway, first.sid));
    expect(nobody.welcome).toEqual({ type: "disconnect", reason: "unauthorized", reconnect: false });
    const expired = await connectExt(`${back(ropeway, first.sid)}&jid=${await token(1, 1_000)}`);
    expect(expired.welcome).toEqual({ type: "disconnect", reason: "token_expired", reconnect: false });
    const again = await connectExt(`${back(ropeway, first.sid)}&jid=${await token(1)}`);
    expect(again.welcome).toMatchObject({ restored: true, restored_ids: [publicStream("a")] });
    await Promise.all([other, again].map(({ client }) => client.close()));
  });
});

describe("an application whose clients come back", () => {
  const chat = channel("ChatChannel");
  let stage: RpcStage;
  beforeAll(async () => {
    stage = await RpcStage.start(["--broker=memory", "--disconnect_grace=1"]);
    stage.application.connect = (_request, { sid }) => ({
      identifiers: JSON.stringify({ sid }),
      transmissions: [says.welcome(sid)],
      env: state({ _s_: "kept" }),
    });
    stage.application.command = ({ command, identifier }) => ({
      transmissions: command === "subscribe" ? [says.confirm(identifier)] : [],
      streams: command === "subscribe" ? [identifier] : [],
      env: state({}, { count: "1" }),
    });
  });
  afterAll(() => stage.stop());

  it("is not asked again, gets the state that it left, and hears of the end once: of the connection that is the last", async () => {
    const first = await connectExt(stage.ropeway.cable);
    expect(await first.client.subscribe(chat)).toEqual(hears.confirm(chat));
    await first.client.drop();
    const second = await connectExt(back(stage.ropeway, first.sid));
    expect(second.welcome).toMatchObject({ restored: true, restored_ids: [chat] });
    second.client.say({ command: "message", identifier: chat, data: "{}" });
    await second.client.sync();
    const [message] = stage.commands(second.sid);
    expect(message!.request).toMatchObject({
      command: "message",
      connectionIdentifiers: JSON.stringify({ sid: first.sid }),
      env: { cstate: new Map([["_s_", "kept"]]), istate: new Map([["count", "1"]]) },
    });
    await second.client.close();
    await expect.poll(() => stage.disconnects.map(({ sid }) => sid)).toContain(second.sid);
    // A client that dropped later, and did not come back, was told: so the one before it would have been.
    const third = await connectExt(stage.ropeway.cable);
    await third.client.drop();
    await expect.poll(() => stage.disconnects.map(({ sid }) => sid)).toContain(third.sid);
    expect(stage.disconnects.map(({ sid }) => sid)).toEqual([second.sid, third.sid]);
    expect(stage.connects).toHaveLength(2);
  });

  it("hears at once of one that says goodbye", async () => {
    const { client, sid } = await connectExt(stage.ropeway.cable);
    await client.close();
    await expect.poll(() => stage.disconnects.map((call) => call.sid)).toContain(sid);
  });

  it("hears of those that are waited for when Ropeway stops", async () => {
    const other = await RpcStage.start(["--broker=memory", "--disconnect_grace=60"]);
    const { client, sid } = await connectExt(other.ropeway.cable);
    await client.drop();
    await other.ropeway.metricBecomes("anycable_go_clients_num", 0);
    expect(other.disconnects).toEqual([]);
    await other.ropeway.stop();
    expect(other.disconnects.map((call) => call.sid)).toEqual([sid]);
    await other.stop();
  });
});
