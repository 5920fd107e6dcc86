import { createCable, Monitor, SubscriptionRejectedError, type Cable, type Channel, type CreateOptions } from "@anycable/core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { ChatStage } from "../support/chat-stage.ts";

/** Everything that a channel hears, from now on. */
function messagesOf(channel: Pick<Channel, "on">): unknown[] {
  const messages: unknown[] = [];
  channel.on("message", (message) => void messages.push(message));
  return messages;
}

/** The next time that a cable connects, loses its connection or is closed for good, with the reason. */
function next(cable: Cable, event: "connect"): Promise<{ readonly reconnect?: boolean }>;
function next(cable: Cable, event: "disconnect" | "close"): Promise<string>;
function next(cable: Cable, event: "connect" | "disconnect" | "close"): Promise<unknown> {
  return new Promise((resolve) => {
    if (event === "connect") cable.once(event, resolve);
    else cable.once(event, (error?: { readonly reason?: unknown }) => resolve(error?.reason));
  });
}

/** A client that retries soon, since here nobody is spared by waiting. */
function cableFor(url: string, options: Partial<CreateOptions<"actioncable-v1-json">> = {}): Cable {
  const cable = createCable(url, {
    ...options,
    websocketImplementation: WebSocket,
    logLevel: "error",
    // More patient than by default, compared with the server's interval: a busy machine may be late.
    pingInterval: 2_000,
    maxMissingPings: 2,
    reconnectStrategy: () => 50,
    protocolOptions: { subscribeCooldownInterval: 20 },
  });
  onTestFinished(() => {
    cable.disconnect();
    if (cable.monitor instanceof Monitor) cable.monitor.dispose();
  });
  return cable;
}

describe("@anycable/core", () => {
  let stage: ChatStage;

  beforeAll(async () => {
    stage = await ChatStage.start("--public_streams");
  });

  afterAll(async () => {
    await stage.stop();
  });

  /** Subscribed to a room. */
  async function join(cable: Cable, room: string): Promise<{ readonly channel: Channel; readonly messages: unknown[] }> {
    const channel = cable.subscribeTo("RoomChannel", { room });
    const messages = messagesOf(channel);
    await channel.ensureSubscribed();
    return { channel, messages };
  }

  it("connects, and learns its session's id", async () => {
    const cable = cableFor(stage.url("anna"));
    const connecting = next(cable, "connect");
    await cable.connect();
    expect(await connecting).toEqual({ reconnect: false, restored: false });
    expect(cable.state).toBe("connected");
    expect(stage.app.calls.at(-1)).toMatchObject({ method: "Connect", sid: cable.sessionId });
  });

  it("connects with a token among the subprotocols", async () => {
    const cable = cableFor(stage.url("anna"), { websocketAuthStrategy: "sub-protocol", auth: { token: "eyJ0.e30.x" } });
    await cable.connect();
    expect(cable.state).toBe("connected");
  });

  it("stays closed when the application refuses it", async () => {
    const cable = cableFor(stage.url());
    const closed = next(cable, "close");
    await expect(cable.connect()).rejects.toMatchObject({ reason: "unauthorized" });
    expect(await closed).toBe("unauthorized");
    expect(cable.state).toBe("closed");
  });

  it("performs, and hears what is transmitted and broadcast", async () => {
    const [annas, bens] = [await join(cableFor(stage.url("anna")), "1"), await join(cableFor(stage.url("ben")), "1")];
    await annas.channel.perform("echo", { text: "hello me" });
    await annas.channel.perform("speak", { text: "hello all" });
    await expect
      .poll(() => annas.messages)
      .toEqual([
        { text: "hello me", by: "echo" },
        { text: "hello all", by: "anna" },
      ]);
    await expect.poll(() => bens.messages).toEqual([{ text: "hello all", by: "anna" }]);
  });

  it("is told when a subscription is rejected, and keeps the others", async () => {
    const cable = cableFor(stage.url("anna"));
    const { messages } = await join(cable, "open");
    await expect(join(cable, "locked")).rejects.toThrow(SubscriptionRejectedError);
    await stage.publish("room/open", "still here");
    await expect.poll(() => messages).toEqual(["still here"]);
    expect(cable.state).toBe("connected");
  });

  it("subscribes to a hundred channels at once", async () => {
    const cable = cableFor(stage.url("anna"));
    const rooms = await Promise.all(Array.from({ length: 100 }, (_, at) => join(cable, `many-${at}`)));
    for (const at of rooms.keys()) await stage.publish(`room/many-${at}`, at + 1);
    for (const [at, { messages }] of rooms.entries()) await expect.poll(() => messages).toEqual([at + 1]);
  });

  it("hears public streams without the application", async () => {
    const cable = cableFor(stage.url("anna"));
    const channel = cable.streamFrom("news");
    const messages = messagesOf(channel);
    await channel.ensureSubscribed();
    await stage.publish("news", { breaking: true });
    await expect.poll(() => messages).toEqual([{ breaking: true }]);
    expect(stage.app.calls.filter(({ method, sid }) => method === "Command" && sid === cable.sessionId)).toEqual([]);
  });

  it.each(["a channel of the application", "a public stream"])("whispers to the others in %s", async (where) => {
    const listen = async (user: string): Promise<{ readonly channel: Pick<Channel, "whisper">; readonly messages: unknown[] }> => {
      const cable = cableFor(stage.url(user));
      if (where !== "a public stream") return join(cable, "whispers");
      const channel = cable.streamFrom("whispers");
      const messages = messagesOf(channel);
      await channel.ensureSubscribed();
      return { channel, messages };
    };
    const [anna, ben, clara] = [await listen("anna"), await listen("ben"), await listen("clara")];
    await anna.channel.whisper({ typing: "anna" });
    for (const { messages } of [ben, clara]) await expect.poll(() => messages).toEqual([{ typing: "anna" }]);
    await ben.channel.whisper({ typing: "ben" });
    await expect.poll(() => anna.messages).toEqual([{ typing: "ben" }]);
    await expect.poll(() => clara.messages).toEqual([{ typing: "anna" }, { typing: "ben" }]);
    expect(ben.messages).toEqual([{ typing: "anna" }]);
  });

  it("hears nothing after unsubscribing, and again after subscribing again", async () => {
    const cable = cableFor(stage.url("anna"));
    const [first, other] = [await join(cable, "left"), await join(cable, "kept")];
    first.channel.disconnect();
    await other.channel.perform("echo", { text: "done" });
    await expect.poll(() => other.messages).toHaveLength(1);
    await stage.publish("room/left", "unheard");
    const second = await join(cable, "left");
    await stage.publish("room/left", "heard");
    await expect.poll(() => second.messages).toEqual(["heard"]);
    expect(first.messages).toEqual([]);
  });

  it("stays away after a remote disconnect, unless it is told to come back", async () => {
    const [anna, ben] = [cableFor(stage.url("anna-r")), cableFor(stage.url("ben-r"))];
    const [annas, bens] = [await join(anna, "1"), await join(ben, "1")];
    const [closed, lost, back] = [next(anna, "close"), next(ben, "disconnect"), next(ben, "connect")];
    const { sessionId } = ben;
    await stage.disconnect("anna-r", false);
    await stage.disconnect("ben-r", true);
    expect(await closed).toBe("remote");
    expect(await lost).toBe("remote");
    expect(await back).toMatchObject({ reconnect: true });
    // It names its old session when it comes back; what it gets is a new one.
    expect(stage.app.calls.findLast(({ method }) => method === "Connect")!.request.env!.url).toContain(`sid=${sessionId}`);
    expect(ben.sessionId).not.toBe(sessionId);
    await bens.channel.ensureSubscribed();
    await stage.publish("room/1", "for those who are there");
    await expect.poll(() => bens.messages).toEqual(["for those who are there"]);
    expect(annas.messages).toEqual([]);
    expect(anna.state).toBe("closed");
  });

  it.each([
    ["SIGKILL", "transport_closed"],
    ["SIGTERM", "server_restart"],
  ] as const)("comes back by itself when the server was ended by %s and started again", async (signal, reason) => {
    const mortal = await ChatStage.start();
    onTestFinished(() => mortal.stop());
    const cable = cableFor(mortal.url("anna"));
    const rooms = [await join(cable, "1"), await join(cable, "2")];
    const [lost, back] = [next(cable, "disconnect"), next(cable, "connect")];
    await mortal.restart(signal);
    expect(await lost).toBe(reason);
    expect(await back).toMatchObject({ reconnect: true });
    for (const [at, { channel, messages }] of rooms.entries()) {
      await channel.ensureSubscribed();
      await mortal.publish(`room/${at + 1}`, "after");
      await expect.poll(() => messages).toEqual(["after"]);
    }
  });

  it("is kept by pings from taking a silent connection for dead", async () => {
    const kept = cableFor(stage.url("anna"));
    await kept.connect();
    const { sessionId } = kept;
    const given = cableFor(`${stage.url("anna")}&pi=0`);
    await given.connect();
    // Without pings it gives the connection up; by then the other one, which was there before, has been silent for as long.
    expect(await next(given, "disconnect")).toBe("stale_connection");
    expect([kept.state, kept.sessionId]).toEqual(["connected", sessionId]);
  });
});
