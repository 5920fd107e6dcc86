import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CableClient, type Received } from "../support/cable-client.ts";
import { channelApp, type Channel } from "../support/channel-app.ts";
import { startGrpcApp, type GrpcApp } from "../support/grpc-app.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";

/** The second part of anyt's scenarios, see rpc-acceptance-connection: channels and their streams, and two of AnyCable's own extras. */
describe("acceptance: channels", () => {
  let app: GrpcApp;
  let ropeway: Ropeway;
  const clients: CableClient[] = [];

  const channels: Readonly<Record<string, Channel>> = {
    A: { subscribed: (call) => call.streamFrom("a") },
    Params: { subscribed: (call) => call.streamFrom(`params/${call.params["id"]}`) },
    TwoStreams: {
      subscribed(call) {
        call.streamFrom("a");
        call.streamFrom("b");
      },
      actions: { unfollow: (call, { name }) => call.stopStreamFrom(name!) },
    },
    Plain: {},
    Rejecting: { subscribed: (call) => call.reject() },
    Performing: {
      actions: {
        tick: (call) => call.transmit("tock"),
        echo: (call, { text }) => call.transmit({ response: text }),
      },
    },
    Transmitting: {
      subscribed(call) {
        call.transmit("hello");
        call.transmit("world");
      },
    },
    Chat: {
      subscribed: (call) => call.streamFrom("chat", { whisper: true }),
      actions: {
        async speakToOthers(call, { text }) {
          await call.broadcast("chat", { text }, { exclude_socket: call.sid });
        },
        async speak(call, { text }) {
          await call.broadcast("chat", { text });
        },
      },
    },
  };

  const identifier = (channel: string, params: object = {}): string => JSON.stringify({ channel, ...params });
  const broadcast = (stream: string, message: unknown, meta?: object): Promise<number> =>
    ropeway.publish({ stream, data: JSON.stringify(message), ...(meta && { meta }) });

  beforeAll(async () => {
    app = await startGrpcApp({ application: channelApp({ channels, broadcast }) });
    ropeway = await startRopeway([`--rpc_host=${app.address}`]);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await ropeway.metricBecomes("anycable_go_broadcast_streams_num", 0);
  });

  afterAll(async () => {
    await ropeway.stop();
    await app.kill();
  });

  async function subscribed(...to: readonly string[]): Promise<CableClient> {
    const client = await CableClient.connect(ropeway.cable);
    clients.push(client);
    for (const name of to) expect(await client.subscribe(name)).toEqual({ type: "confirm_subscription", identifier: name });
    return client;
  }

  const data = (channel: string, message: unknown): Received => ({ identifier: channel, message });
  const a = identifier("A");

  it.each([
    ["an object", { data: { user_id: 1, status: "left", meta: { connection_time: "10s" } } }],
    ["a string of its own", "<script>alert('Message!');</script>"],
    ["a string of JSON", '{"data":{"user_id":1}}'],
  ])("streams/broadcast: %s arrives as it was", async (_what, message) => {
    const client = await subscribed(a);
    await broadcast("a", message);
    expect(await client.next()).toEqual(data(a, message));
  });

  it("streams/multiple_clients: all clients of a stream hear it", async () => {
    const [one, two] = [await subscribed(a), await subscribed(a)];
    await broadcast("a", { data: "X" });
    for (const client of [one, two]) expect(await client.sync()).toEqual([data(a, { data: "X" })]);
  });

  it("streams/multiple_clients: who has left hears nothing, and who stays does", async () => {
    const [one, two] = [await subscribed(a), await subscribed(a)];
    one.say({ command: "unsubscribe", identifier: a });
    expect(await one.sync()).toEqual([]);
    await broadcast("a", { data: "Y" });
    expect(await two.sync()).toEqual([data(a, { data: "Y" })]);
    expect(await one.sync()).toEqual([]);
  });

  it("streams/multiple: a subscription hears all its streams", async () => {
    const client = await subscribed(identifier("TwoStreams"));
    await broadcast("a", { data: "X" });
    await broadcast("b", { data: "Y" });
    expect(await client.sync()).toEqual([data(identifier("TwoStreams"), { data: "X" }), data(identifier("TwoStreams"), { data: "Y" })]);
  });

  it("streams/multiple: and none of them once it has ended", async () => {
    const client = await subscribed(identifier("TwoStreams"));
    client.say({ command: "unsubscribe", identifier: identifier("TwoStreams") });
    expect(await client.sync()).toEqual([]);
    await broadcast("a", { data: "X" });
    await broadcast("b", { data: "Y" });
    expect(await client.sync()).toEqual([]);
  });

  it("streams/single: broadcasts arrive in their order", async () => {
    const client = await subscribed(a);
    await broadcast("a", { data: "X" });
    await broadcast("a", { data: "Y" });
    expect(await client.sync()).toEqual([data(a, { data: "X" }), data(a, { data: "Y" })]);
  });

  it("streams/single: and not once the subscription has ended", async () => {
    const client = await subscribed(a);
    client.say({ command: "unsubscribe", identifier: a });
    expect(await client.sync()).toEqual([]);
    await broadcast("a", { data: "X" });
    expect(await client.sync()).toEqual([]);
  });

  it("streams/single: two subscriptions to one stream hear a copy each", async () => {
    const [one, two] = [identifier("A", { key: "one" }), identifier("A", { key: "two" })];
    const client = await subscribed(one, two);
    await broadcast("a", { data: "XX" });
    const heard = await client.sync();
    expect(heard).toHaveLength(2);
    expect(heard).toEqual(expect.arrayContaining([data(one, { data: "XX" }), data(two, { data: "XX" })]));
  });

  it("streams/stop: one stream stops, the other goes on", async () => {
    const channel = identifier("TwoStreams");
    const client = await subscribed(channel);
    await broadcast("a", { data: "X" });
    await broadcast("b", { data: "Y" });
    expect(await client.sync()).toHaveLength(2);
    client.say({ command: "message", identifier: channel, data: JSON.stringify({ action: "unfollow", name: "a" }) });
    expect(await client.sync()).toEqual([]);
    await broadcast("a", { data: "X2" });
    await broadcast("b", { data: "Y2" });
    expect(await client.sync()).toEqual([data(channel, { data: "Y2" })]);
  });

  it("subscriptions/ack: a subscription is confirmed", async () => {
    await subscribed(identifier("Plain"));
  });

  it("subscriptions/ack: a subscription is rejected", async () => {
    const client = await subscribed();
    expect(await client.subscribe(identifier("Rejecting"))).toEqual({ type: "reject_subscription", identifier: identifier("Rejecting") });
  });

  it("subscriptions/params: one channel with different params is two subscriptions", async () => {
    const [one, two] = [identifier("Params", { id: 1 }), identifier("Params", { id: 2 })];
    const client = await subscribed(one, two);
    await broadcast("params/1", 1);
    await broadcast("params/2", 2);
    expect(await client.sync()).toEqual([data(one, 1), data(two, 2)]);
  });

  it("subscriptions/perform: an action without arguments answers", async () => {
    const client = await subscribed(identifier("Performing"));
    client.say({ command: "message", identifier: identifier("Performing"), data: JSON.stringify({ action: "tick" }) });
    expect(await client.next()).toEqual(data(identifier("Performing"), "tock"));
  });

  it("subscriptions/perform: an action with arguments answers", async () => {
    const client = await subscribed(identifier("Performing"));
    client.say({ command: "message", identifier: identifier("Performing"), data: JSON.stringify({ action: "echo", text: "hello" }) });
    expect(await client.next()).toEqual(data(identifier("Performing"), { response: "hello" }));
  });

  it("subscriptions/transmissions: what is transmitted on subscribing comes before the confirmation", async () => {
    const channel = identifier("Transmitting");
    const client = await subscribed();
    client.say({ command: "subscribe", identifier: channel });
    expect(await client.sync()).toEqual([
      data(channel, "hello"),
      data(channel, "world"),
      { type: "confirm_subscription", identifier: channel },
    ]);
  });

  it("broadcast/options: what an action broadcasts to others does not come back", async () => {
    const chat = identifier("Chat");
    const [one, two, three] = [await subscribed(chat), await subscribed(chat), await subscribed(chat)];
    one.say({ command: "message", identifier: chat, data: JSON.stringify({ action: "speakToOthers", text: "hi" }) });
    expect(await one.sync()).toEqual([]);
    for (const client of [two, three]) expect(await client.sync()).toEqual([data(chat, { text: "hi" })]);
    one.say({ command: "message", identifier: chat, data: JSON.stringify({ action: "speak", text: "all" }) });
    for (const client of [one, two, three]) expect(await client.next()).toEqual(data(chat, { text: "all" }));
  });

  it("broadcast/whisper: a whisper reaches the others", async () => {
    const chat = identifier("Chat");
    const [one, two, three] = [await subscribed(chat), await subscribed(chat), await subscribed(chat)];
    one.say({ command: "whisper", identifier: chat, data: { event: "typing", user: "Jack" } });
    expect(await one.sync()).toEqual([]);
    for (const client of [two, three]) expect(await client.sync()).toEqual([data(chat, { event: "typing", user: "Jack" })]);
  });
});
