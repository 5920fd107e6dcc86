import { createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { startHttpApp, type HttpApp } from "../support/http-app.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, says, state, Status } from "../support/rpc-stage.ts";
import { startServerlessApp, type ServerlessApp } from "../support/serverless-app.ts";

/** As both sides derive it from the secret that they share. */
const keyFor = (secret: string): string => createHmac("sha256", secret).update("rpc-cable").digest("hex");

describe("an application made with @anycable/serverless-js", () => {
  let app: ServerlessApp;
  let ropeway: Ropeway;

  beforeAll(async () => {
    app = await startServerlessApp({ key: keyFor("qwerty") });
    ropeway = await startRopeway([`--rpc_host=${app.url}`, "--secret=qwerty"]);
  });

  afterAll(async () => {
    await ropeway.stop();
    await app.close();
  });

  it("serves a client from its first word to its last", async () => {
    const client = new CableClient(`${ropeway.cable}?name=jane`, { headers: { cookie: "a=1" } });
    expect(await client.next()).toEqual({ type: "welcome", sid: expect.stringMatching(/^[-0-9a-f]{36}$/) as string });
    const room = channel("ChatChannel", { room: "1" });
    expect(await client.subscribe(room)).toEqual(hears.confirm(room));

    await ropeway.publish({ stream: "room/1", data: '{"text":"hello"}' });
    expect(await client.next()).toEqual({ identifier: room, message: { text: "hello" } });

    for (const count of [1, 2, 3]) {
      client.say({ command: "message", identifier: room, data: '{"action":"count"}' });
      expect(await client.next()).toEqual({ identifier: room, message: { count } });
    }

    const locked = channel("ChatChannel", { room: "locked" });
    expect(await client.subscribe(locked)).toEqual(hears.reject(locked));

    client.say({ command: "unsubscribe", identifier: room });
    await expect.poll(() => app.events.at(-1)).toEqual(["unsubscribed", "jane", "1"]);
    await ropeway.metricBecomes("anycable_go_broadcast_streams_num", 0);
    await client.close();
    await expect
      .poll(() => app.events)
      .toEqual([
        ["connect", "jane", "a=1"],
        ["subscribed", "jane", "1"],
        ["subscribed", "jane", "locked"],
        ["unsubscribed", "jane", "1"],
        ["disconnect", "jane"],
      ]);
  });

  it("turns away whom it does not know", async () => {
    const client = new CableClient(ropeway.cable);
    expect(await client.ended).toEqual({ code: 1000, reason: "Auth Failed" });
    expect(client.unread).toEqual([{ type: "disconnect", reason: "unauthorized" }]);
  });

  it("may fail at a command, and the client is served on", async () => {
    const client = await CableClient.connect(`${ropeway.cable}?name=joe`);
    const room = channel("ChatChannel", { room: "2" });
    await client.subscribe(room);
    client.say({ command: "message", identifier: room, data: '{"action":"breakDown"}' });
    await ropeway.logged("command failed", ({ error }) => error === "the application answered with HTTP status 500: out of order");
    const unknown = channel("NoSuchChannel");
    client.say({ command: "subscribe", identifier: unknown });
    await ropeway.logged("command failed", ({ error }) => String(error).includes("NoSuchChannel"));
    expect(await client.sync()).toEqual([]);
    client.say({ command: "message", identifier: room, data: '{"action":"count"}' });
    expect(await client.next()).toEqual({ identifier: room, message: { count: 1 } });
    await client.close();
  });
});

describe("an application with AnyCable's Ruby mount", () => {
  let app: HttpApp | undefined;
  let ropeway: Ropeway | undefined;

  beforeEach(async () => {
    app = await startHttpApp({
      key: keyFor("qwerty"),
      application: {
        connect: (_request, { sid }) => ({
          identifiers: JSON.stringify({ sid }),
          transmissions: [says.welcome(sid)],
          env: state({ _s_: '{"user":1}' }),
        }),
        command: ({ command, identifier }) =>
          command === "subscribe"
            ? { streams: ["all"], transmissions: [says.confirm(identifier)], env: state({}, { room: "1", __proto: "x" }) }
            : {},
      },
    });
  });

  afterEach(async () => {
    await ropeway?.stop();
    await app?.kill();
  });

  const start = async (...flags: readonly string[]): Promise<Ropeway> => (ropeway = await startRopeway(flags));

  it("is told of every step of a client, with the state that it gave", async () => {
    await start(`--rpc_host=${app!.url}`, "--secret=qwerty", "--headers=cookie,x-token");
    const client = new CableClient(`${ropeway!.cable}?a=b`, { headers: { cookie: "s=1", "x-token": "t" } });
    const { sid } = await client.next();
    const room = channel("RoomChannel");
    expect(await client.subscribe(room)).toEqual(hears.confirm(room));
    await ropeway!.publish({ stream: "all", data: "1" });
    expect(await client.next()).toEqual({ identifier: room, message: 1 });
    client.say({ command: "message", identifier: room, data: "speak" });
    await expect.poll(() => app!.calls).toHaveLength(3);
    await client.close();
    await expect.poll(() => app!.calls).toHaveLength(4);

    const env = {
      url: `http://127.0.0.1:${ropeway!.port}/cable?a=b`,
      headers: new Map([
        ["cookie", "s=1"],
        ["x-token", "t"],
        ["REMOTE_ADDR", "127.0.0.1"],
      ]),
    };
    const connectionIdentifiers = JSON.stringify({ sid });
    const cstate = new Map([["_s_", '{"user":1}']]);
    const istate = new Map([
      ["room", "1"],
      ["__proto", "x"],
    ]);
    const none = new Map();
    expect(app!.calls).toMatchObject([
      { method: "Connect", sid, protov: "v1", request: { env: { ...env, cstate: none, istate: none } } },
      {
        method: "Command",
        sid,
        request: { command: "subscribe", identifier: room, connectionIdentifiers, data: "", env: { ...env, cstate } },
      },
      { method: "Command", sid, request: { command: "message", identifier: room, data: "speak", env: { ...env, cstate, istate } } },
      {
        method: "Disconnect",
        sid,
        request: {
          identifiers: connectionIdentifiers,
          subscriptions: [room],
          env: { ...env, cstate, istate: new Map([[room, '{"room":"1","__proto":"x"}']]) },
        },
      },
    ]);
    expect(app!.calls[0]!.headers["user-agent"]).toMatch(/^Ropeway\/\d+\.\d+\.\d+$/);
    await ropeway!.metricBecomes("anycable_go_rpc_call_total", 4);
    expect(await ropeway!.metric("anycable_go_rpc_error_total")).toBe(0);
  });

  it.each([
    ["another secret", "rpc.unauthenticated", "http_rpc_secret", () => [`--rpc_host=${app!.url}`, "--secret=other"]],
    ["another path", "rpc.failed", "(/_anycable in Rails)", () => [`--rpc_host=${app!.url}/cable`, "--secret=qwerty"]],
  ] as const)("is not asked with %s: clients are closed with 1011, and the log says what to do", async (_what, code, hint, flags) => {
    await start(...flags());
    const client = new CableClient(ropeway!.cable);
    expect(await client.ended).toEqual({ code: 1011, reason: "Auth Error" });
    const line = await ropeway!.logged("connection refused: the application could not be asked");
    expect(line).toMatchObject({ code, error: expect.stringContaining(hint) as string });
    expect(app!.calls).toEqual([]);
  });

  it("takes a key that is given instead of one that follows from the secret", async () => {
    await start(`--rpc_host=${app!.url}`, "--secret=other", `--http_rpc_secret=${keyFor("qwerty")}`);
    await (await CableClient.connect(ropeway!.cable)).close();
  });

  it("may refuse clients, in its own words", async () => {
    const refusing = await startHttpApp({
      application: { connect: () => ({ status: Status.FAILURE, transmissions: [says.unauthorized] }) },
    });
    await start(`--rpc_host=${refusing.url}`);
    const client = new CableClient(ropeway!.cable);
    expect(await client.ended).toEqual({ code: 1000, reason: "Auth Failed" });
    expect(client.unread).toEqual([JSON.parse(says.unauthorized)]);
    await refusing.kill();
  });

  it("is shown nowhere with its password and its key", async () => {
    const url = new URL(app!.url);
    url.username = "user";
    url.password = "s3cr3t-1";
    await start(`--rpc_host=${url.href}?k=s3cr3t-2`, "--http_rpc_secret=s3cr3t-3", "--log_level=debug");
    await new CableClient(ropeway!.cable).ended;
    const readiness = (await (await fetch(ropeway!.http("/ready"))).json()) as { readonly parts: { readonly rpc: unknown } };
    expect(readiness.parts.rpc).toEqual({ ok: true, detail: app!.url });
    await ropeway!.stop();
    expect(JSON.stringify([readiness, ropeway!.log, ropeway!.output])).not.toContain("s3cr3t");
  });
});
