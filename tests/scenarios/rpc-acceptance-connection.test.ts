import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CableClient, type Received } from "../support/cable-client.ts";
import { channelApp, type Channel } from "../support/channel-app.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

/**
 * What anyt 1.4.3, AnyCable's conformance suite, demands of a server in front of a Rails application: its 32 core scenarios under its
 * names. Here are those about the connection; the rest are in rpc-acceptance-channels.
 */
describe("acceptance: connections", () => {
  let app: GrpcApp;
  let ropeway: Ropeway;

  const channels: Readonly<Record<string, Channel>> = {
    State: {
      subscribed(call) {
        call.state.set("user", { name: call.params["name"] });
        call.state.set("count", 1);
        call.streamFrom("state_counts");
      },
      actions: {
        tick(call) {
          const count = Number(call.state.get("count")) + 2;
          call.state.set("count", count);
          call.transmit({ count, name: (call.state.get("user") as { name: string }).name });
        },
      },
      async unsubscribed(call) {
        await call.broadcast("state_counts", { data: `user left: ${(call.state.get("user") as { name: string }).name}` });
      },
    },
    Query: {
      subscribed(call) {
        if (call.url.searchParams.get("token") !== "secret") call.reject();
      },
    },
    Leaving: {
      subscribed: (call) => call.streamFrom(`left/${call.params["id"] ?? ""}`),
      async unsubscribed(call) {
        await call.broadcast("leavings", { data: `left ${call.params["id"] ?? "plain"}` });
      },
    },
    Other: {
      async unsubscribed(call) {
        await call.broadcast("leavings", { data: "left other" });
      },
    },
    Leavings: { subscribed: (call) => call.streamFrom("leavings") },
  };

  const identifier = (channel: string, params: object = {}): string => JSON.stringify({ channel, ...params });

  beforeAll(async () => {
    const application = channelApp({
      channels,
      broadcast: (stream, message) => ropeway.publish({ stream, data: JSON.stringify(message) }),
      connect({ url, headers, sid }) {
        switch (url.searchParams.get("test")) {
          case "url":
            return url.searchParams.get("token") === "secret" && url.host === `127.0.0.1:${ropeway.port}` ? { uid: sid } : undefined;
          case "cookies":
            return headers.get("cookie") === "username=john green" ? { uid: sid } : undefined;
          case "headers":
            return headers.get("x-api-token") === "abc" ? { uid: sid } : undefined;
          case "reasons":
            return undefined;
          case "uid":
            return { uid: url.searchParams.get("uid") };
          default:
            return { uid: sid };
        }
      },
    });
    app = await startGrpcApp({ application });
    ropeway = await startRopeway([`--rpc_host=${app.address}`, "--headers=cookie,x-api-token", "--ping_interval=1"]);
  });

  afterAll(async () => {
    await ropeway.stop();
    await app.kill();
  });

  const connect = (query = "", headers: Readonly<Record<string, string>> = {}): Promise<CableClient> =>
    CableClient.connect(`${ropeway.cable}?${query}`, { headers });

  async function subscribed(client: CableClient, to: string): Promise<void> {
    expect(await client.subscribe(to)).toEqual({ type: "confirm_subscription", identifier: to });
  }

  const isTurnedAway = async (query: string, headers: Readonly<Record<string, string>> = {}): Promise<readonly Received[]> => {
    const client = new CableClient(`${ropeway.cable}?${query}`, { headers });
    expect(await client.ended).toEqual({ code: 1000, reason: "Auth Failed" });
    expect(await ropeway.metric("anycable_go_failed_auths_total")).toBeGreaterThan(0);
    return client.unread;
  };

  it("core/ping: the client receives pings with a growing timestamp", async () => {
    const client = await connect();
    const [one, two] = [await client.nextPing(), await client.nextPing()];
    expect([one["type"], two["type"]]).toEqual(["ping", "ping"]);
    expect(Number.isInteger(one["message"]) && Number.isInteger(two["message"])).toBe(true);
    expect(two["message"]).toBeGreaterThan(one["message"] as number);
    await client.close();
  });

  it("core/welcome: the client receives a welcome first", async () => {
    const client = new CableClient(ropeway.cable);
    expect(await client.next()).toMatchObject({ type: "welcome" });
    await client.close();
  });

  it("features/channel_state: state is kept between the calls of a subscription", async () => {
    const client = await connect();
    await subscribed(client, identifier("State", { name: "chipolino" }));
    for (const count of [3, 5, 7]) {
      client.say({ command: "message", identifier: identifier("State", { name: "chipolino" }), data: '{"action":"tick"}' });
      expect(await client.next()).toMatchObject({ message: { count, name: "chipolino" } });
    }
    await client.close();
  });

  it("features/channel_state: state is there when the client disconnects", async () => {
    const [one, two] = [await connect(), await connect()];
    await subscribed(one, identifier("State", { name: "chipollino" }));
    await subscribed(two, identifier("State", { name: "chipollone" }));
    await two.close();
    expect(await one.next()).toEqual({
      identifier: identifier("State", { name: "chipollino" }),
      message: { data: "user left: chipollone" },
    });
    await one.close();
  });

  it("features/remote_disconnect: the application disconnects a user", async () => {
    const client = await connect("test=uid&uid=26");
    await ropeway.publish({ command: "disconnect", payload: { identifier: '{"uid":"26"}', reconnect: true } });
    expect(await client.next()).toEqual({ type: "disconnect", reason: "remote", reconnect: true });
    await client.ended;
  });

  it("features/server_restart: clients are told that they may come back", async () => {
    const restarted = await startRopeway([`--rpc_host=${app.address}`]);
    const client = await CableClient.connect(restarted.cable);
    await restarted.stop();
    expect(client.unread).toEqual([{ type: "disconnect", reason: "server_restart", reconnect: true }]);
    await client.ended;
  });

  it("request/channel: a channel sees the URL of the connection", async () => {
    const client = await connect("token=secret");
    await subscribed(client, identifier("Query"));
    await client.close();
    const other = await connect("token=none");
    expect(await other.subscribe(identifier("Query"))).toEqual({ type: "reject_subscription", identifier: identifier("Query") });
    await other.close();
  });

  it("request/connection: the connection sees its URL", async () => {
    await (await connect("test=url&token=secret")).close();
    await isTurnedAway("test=url&token=wrong");
  });

  it("request/connection: a client without the cookie is turned away", async () => {
    await isTurnedAway("test=cookies");
  });

  it("request/connection: a client with the cookie is welcome", async () => {
    await (await connect("test=cookies", { cookie: "username=john green" })).close();
  });

  it("request/connection: a client without the header is turned away", async () => {
    await isTurnedAway("test=headers");
  });

  it("request/connection: a client with the header is welcome", async () => {
    await (await connect("test=headers", { "x-api-token": "abc" })).close();
  });

  it("request/disconnect_reasons: a client that is turned away is told why", async () => {
    expect(await isTurnedAway("test=reasons")).toEqual([{ type: "disconnect", reason: "unauthorized", reconnect: false }]);
  });

  it.each([
    ["each of its channels", identifier("Leaving"), identifier("Other"), ["left other", "left plain"]],
    [
      "each of its subscriptions of a channel",
      identifier("Leaving", { id: "1" }),
      identifier("Leaving", { id: "2" }),
      ["left 1", "left 2"],
    ],
  ])("request/disconnection: %s hears that the client has gone", async (_what, first, second, expected) => {
    const watcher = await connect();
    await subscribed(watcher, identifier("Leavings"));
    const client = await connect();
    await subscribed(client, first);
    await subscribed(client, second);
    await client.drop();
    const heard = [await watcher.next(), await watcher.next()].map(({ message }) => (message as { data: string }).data);
    expect(heard.toSorted()).toEqual(expected);
    expect(await watcher.sync()).toEqual([]);
    await watcher.close();
  });
});
