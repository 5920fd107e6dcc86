import {
  adapters,
  Connection,
  ConnectionMonitor,
  createConsumer,
  type Consumer,
  type Subscription,
} from "@rails/actioncable/app/assets/javascripts/actioncable.esm.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { ChatStage } from "../support/chat-stage.ts";
import { deferred } from "../support/deferred.ts";

/** What happened to a subscription, in order: the names of the callbacks with what they were given. */
type Happenings = (readonly [string, unknown?])[];

interface Subscribed {
  readonly subscription: Subscription;
  readonly happenings: Happenings;
}

function subscribe(consumer: Consumer, params: object): Subscribed {
  const happenings: Happenings = [];
  const note =
    (name: string) =>
    (...given: readonly unknown[]): void =>
      void happenings.push(given.length === 0 ? [name] : [name, given[0]]);
  const names = ["connected", "disconnected", "rejected", "received"];
  const subscription = consumer.subscriptions.create(params, Object.fromEntries(names.map((name) => [name, note(name)])));
  return { subscription, happenings };
}

const room = (name: string): object => ({ channel: "RoomChannel", room: name });
const connected = ["connected", { reconnected: false }];
const reconnected = ["connected", { reconnected: true }];

/** The callbacks are these, sooner or later, and no others. */
async function become({ happenings }: Subscribed, ...expected: readonly unknown[]): Promise<void> {
  await expect.poll(() => happenings, { timeout: 25_000 }).toEqual(expected);
}

beforeAll(() => {
  adapters.WebSocket = WebSocket;
  // It looks after the visibility of its page, and here is none.
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("removeEventListener", () => {});
  // Less than they are, as the server's pings come three times as often; still more than a busy machine may be late.
  ConnectionMonitor.staleThreshold = 4;
  Connection.reopenDelay = 50;
});

afterAll(() => {
  vi.unstubAllGlobals();
});

function consumerFor(url: string): Consumer {
  const consumer = createConsumer(url);
  onTestFinished(() => consumer.disconnect());
  return consumer;
}

describe("@rails/actioncable", () => {
  let stage: ChatStage;

  beforeAll(async () => {
    stage = await ChatStage.start();
  });

  afterAll(async () => {
    await stage.stop();
  });

  it("subscribes, performs, and hears what is transmitted and broadcast", async () => {
    const [anna, ben] = [consumerFor(stage.url("anna")), consumerFor(stage.url("ben"))];
    const [annas, bens] = [subscribe(anna, room("1")), subscribe(ben, room("1"))];
    await become(annas, connected);
    await become(bens, connected);
    annas.subscription.perform("echo", { text: "hello me" });
    await become(annas, connected, ["received", { text: "hello me", by: "echo" }]);
    annas.subscription.perform("speak", { text: "hello all" });
    await become(annas, connected, ["received", { text: "hello me", by: "echo" }], ["received", { text: "hello all", by: "anna" }]);
    await become(bens, connected, ["received", { text: "hello all", by: "anna" }]);
    expect(anna.connection.isOpen()).toBe(true);
  });

  it("keeps subscriptions of one connection apart", async () => {
    const consumer = consumerFor(stage.url("anna"));
    const [one, two, locked] = [subscribe(consumer, room("one")), subscribe(consumer, room("two")), subscribe(consumer, room("locked"))];
    await become(locked, ["rejected"]);
    await become(one, connected);
    await become(two, connected);
    await stage.publish("room/two", 2);
    await stage.publish("room/one", 1);
    await become(one, connected, ["received", 1]);
    await become(two, connected, ["received", 2]);
    await become(locked, ["rejected"]);
  });

  it("hears nothing after unsubscribing, and again after subscribing again", async () => {
    const consumer = consumerFor(stage.url("anna"));
    const [first, other] = [subscribe(consumer, room("left")), subscribe(consumer, room("kept"))];
    await become(first, connected);
    await become(other, connected);
    first.subscription.unsubscribe();
    // The answer to what was said after it shows that the unsubscribe has been carried out.
    other.subscription.perform("echo", { text: "done" });
    await become(other, connected, ["received", { text: "done", by: "echo" }]);
    await stage.publish("room/left", "unheard");
    const second = subscribe(consumer, room("left"));
    await become(second, connected);
    await stage.publish("room/left", "heard");
    await become(second, connected, ["received", "heard"]);
    await become(first, connected);
  });

  it("stays away when the application refuses it", async () => {
    const consumer = consumerFor(stage.url());
    const refused = subscribe(consumer, room("1"));
    await become(refused, ["disconnected", { willAttemptReconnect: false }]);
    expect(consumer.connection.monitor.isRunning()).toBe(false);
  });

  it("is confirmed once, however often it asked while the application was thinking", async () => {
    const answer = deferred();
    const slow = await ChatStage.start();
    onTestFinished(() => slow.stop());
    slow.beforeSubscribing = answer.promise;
    const consumer = consumerFor(slow.url("anna"));
    const patient = subscribe(consumer, room("1"));
    // It asks again every half second.
    await expect.poll(() => slow.ropeway.metric("anycable_go_data_rcvd_total")).toBeGreaterThan(2 * JSON.stringify(room("1")).length);
    expect(patient.happenings).toEqual([]);
    answer.resolve();
    await become(patient, connected);
    patient.subscription.perform("speak", { text: "once" });
    await become(patient, connected, ["received", { text: "once", by: "anna" }]);
    expect(slow.app.calls.filter((call) => call.method === "Command" && call.request.command === "subscribe")).toHaveLength(1);
  });

  it("stays away after a remote disconnect, unless it is told to come back", async () => {
    const [anna, ben, clara] = ["anna-r", "ben-r", "clara-r"].map((user) => subscribe(consumerFor(stage.url(user)), room("1")));
    for (const each of [anna!, ben!, clara!]) await become(each, connected);
    await stage.disconnect("anna-r", false);
    await stage.disconnect("ben-r", true);
    await become(anna!, connected, ["disconnected", { willAttemptReconnect: false }]);
    await become(ben!, connected, ["disconnected", { willAttemptReconnect: true }], reconnected);
    await stage.publish("room/1", "for those who are there");
    await become(ben!, connected, ["disconnected", { willAttemptReconnect: true }], reconnected, ["received", "for those who are there"]);
    await become(clara!, connected, ["received", "for those who are there"]);
    await become(anna!, connected, ["disconnected", { willAttemptReconnect: false }]);
  });

  it.each(["SIGKILL", "SIGTERM"] as const)("comes back by itself when the server was ended by %s and started again", async (signal) => {
    const mortal = await ChatStage.start();
    onTestFinished(() => mortal.stop());
    const consumer = consumerFor(mortal.url("anna"));
    const subscribed = [subscribe(consumer, room("1")), subscribe(consumer, room("2"))];
    for (const each of subscribed) await become(each, connected);
    await mortal.restart(signal);
    const lost = ["disconnected", { willAttemptReconnect: true }];
    // The client itself calls only the first of several subscriptions reconnected.
    await become(subscribed[0]!, connected, lost, reconnected);
    await become(subscribed[1]!, connected, lost, connected);
    for (const [at, each] of subscribed.entries()) {
      await mortal.publish(`room/${at + 1}`, "after");
      await expect.poll(() => each.happenings.at(-1)).toEqual(["received", "after"]);
      expect(each.happenings).toHaveLength(4);
    }
  });

  it("is kept by pings from taking a silent connection for dead", async () => {
    const quiet = consumerFor(stage.url("anna"));
    const unpinged = consumerFor(`${stage.url("anna")}&pi=0`);
    const [kept, given] = [subscribe(quiet, room("silent")), subscribe(unpinged, room("silent"))];
    await become(kept, connected);
    const { webSocket } = quiet.connection;
    // Without pings it gives the connection up; by then the other one, which was there before, has been silent for as long.
    await become(given, connected, ["disconnected", { willAttemptReconnect: true }], reconnected);
    await become(kept, connected);
    expect(quiet.connection.webSocket).toBe(webSocket);
    expect(quiet.connection.monitor.reconnectAttempts).toBe(0);
  });
});
