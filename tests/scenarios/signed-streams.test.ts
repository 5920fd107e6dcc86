import { createCable, Monitor, type Cable } from "@anycable/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { startRopeway, type Ropeway } from "../support/ropeway.ts";
import { channel, hears, RpcStage } from "../support/rpc-stage.ts";
import { foreignNames, nameBy, signedName } from "../support/signed-names.ts";
import { signed } from "../support/tokens.ts";

const { secret } = foreignNames;

const pubsub = (name: string): string => channel("$pubsub", { signed_stream_name: name });
const turbo = (name: string): string => channel("Turbo::StreamsChannel", { signed_stream_name: name });
const cableReady = (name: string): string => channel("CableReady::Stream", { identifier: name });

/** Subscribes, publishes to the stream, hears it, and leaves. */
async function hearsStream(ropeway: Ropeway, client: CableClient, identifier: string, stream: string): Promise<void> {
  expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
  expect(await ropeway.publish({ stream, data: JSON.stringify({ stream }) })).toBe(201);
  expect(await client.next()).toEqual({ identifier, message: { stream } });
  client.say({ command: "unsubscribe", identifier });
  expect(await client.sync()).toEqual([]);
  expect(await ropeway.publish({ stream, data: "1" })).toBe(201);
  expect(await client.sync()).toEqual([]);
}

describe("signed streams without an application", () => {
  let ropeway: Ropeway;
  let client: CableClient;

  beforeAll(async () => {
    const flags = [
      "--noauth",
      "--norpc",
      `--streams_secret=${secret}`,
      "--streams_previous_secrets=old",
      "--turbo_streams",
      "--cable_ready",
    ];
    ropeway = await startRopeway([...flags, "--cable_ready_secret=cr", "--log_level=debug"]);
  });

  beforeEach(async () => {
    client = await CableClient.connect(ropeway.cable);
    return () => client.close();
  });

  afterAll(() => ropeway.stop());

  it("are heard by whoever has a signed name, whoever signed it", async () => {
    for (const { name, signed: token } of foreignNames.names) await hearsStream(ropeway, client, pubsub(token), name);
    await hearsStream(ropeway, client, pubsub(signedName("chat", "old")), "chat");
  });

  it("of Turbo and CableReady are heard, each by its own secret", async () => {
    for (const { name, signed: token } of foreignNames.names.filter(({ by }) => by.startsWith("turbo-rails"))) {
      await hearsStream(ropeway, client, turbo(token), name);
    }
    await hearsStream(ropeway, client, turbo(signedName("chat", "old")), "chat");
    await hearsStream(ropeway, client, cableReady(signedName("posts", "cr")), "posts");
    for (const identifier of [
      cableReady(nameBy("cable_ready").signed),
      turbo(signedName("chat", "cr")),
      pubsub(signedName("chat", "cr")),
    ]) {
      expect(await client.subscribe(identifier)).toEqual(hears.reject(identifier));
    }
  });

  it("are not heard by whoever can't sign; the log says why, and the client stays", async () => {
    const before = await ropeway.metric("anycable_go_failed_client_msg_total");
    const linesBefore = ropeway.log.length;
    const identifiers = [
      ...foreignNames.refused.map(({ signed: token }) => pubsub(token)),
      pubsub("chat"),
      publicStream("chat"),
      channel("$pubsub", { stream_name: "chat", signed_stream_name: signedName("chat", "other") }),
      channel("$pubsub"),
      turbo(signedName("chat", "other")),
      channel("Turbo::StreamsChannel", { stream_name: "chat" }),
      cableReady(signedName("chat")),
    ];
    // Some of the vectors are the same text.
    const all = [...new Set(identifiers)];
    for (const identifier of all) expect(await client.subscribe(identifier)).toEqual(hears.reject(identifier));
    expect(await ropeway.metric("anycable_go_failed_client_msg_total")).toBe(before + all.length);
    expect(await ropeway.publish({ stream: "chat", data: "1" })).toBe(201);
    expect(await client.sync()).toEqual([]);
    const reasons = ropeway.log.slice(linesBefore).filter(({ code }) => code === "command.rejected");
    expect(reasons.map(({ error }) => error)).toContain("signed_stream_name is not accepted: its signature is wrong");
    expect(JSON.stringify(reasons)).not.toContain(secret);
    await hearsStream(ropeway, client, pubsub(signedName("still here")), "still here");
  });

  it("carry no whispers unless that is allowed, and those of Turbo never", async () => {
    const allowed = await startRopeway(["--noauth", "--norpc", `--secret=${secret}`, "--streams_whisper", "--turbo_streams"]);
    onTestFinished(async () => {
      await allowed.stop();
    });
    const rules = [
      [ropeway, pubsub(signedName("chat")), false],
      [allowed, pubsub(signedName("chat")), true],
      [allowed, turbo(signedName("chat")), false],
    ] as const;
    for (const [server, identifier, isHeard] of rules) {
      const [speaker, listener] = [await CableClient.connect(server.cable), await CableClient.connect(server.cable)];
      for (const each of [speaker, listener]) expect(await each.subscribe(identifier)).toEqual(hears.confirm(identifier));
      speaker.say({ command: "whisper", identifier, data: { typing: true } });
      expect(await speaker.sync()).toEqual([]);
      expect(await listener.sync()).toEqual(isHeard ? [{ identifier, message: { typing: true } }] : []);
      await Promise.all([speaker.close(), listener.close()]);
    }
  });

  it("have no actions: a message to one is counted and unanswered, and the next command is carried out", async () => {
    const identifier = pubsub(signedName("chat"));
    await client.subscribe(identifier);
    const before = await ropeway.metric("anycable_go_failed_client_msg_total");
    for (const data of ['{"action":"speak"}', "{}", "no JSON"]) client.say({ command: "message", identifier, data });
    expect(await client.sync()).toEqual([]);
    expect(await ropeway.metric("anycable_go_failed_client_msg_total")).toBe(before + 3);
    // Whoever reads the log can't subscribe with what it says.
    expect(JSON.stringify(ropeway.log)).not.toContain(signedName("chat").slice(-64));
    expect(await ropeway.publish({ stream: "chat", data: "1" })).toBe(201);
    expect(await client.next()).toEqual({ identifier, message: 1 });
  });
});

describe("without a secret", () => {
  it("nobody can sign, not even with the empty key", async () => {
    for (const flags of [[], ["--secret=none"], ["--streams_secret=none", "--secret=s"]]) {
      const ropeway = await startRopeway(["--noauth", "--norpc", ...flags]);
      const client = await CableClient.connect(ropeway.cable);
      for (const key of ["", "none", "s"]) {
        const identifier = pubsub(signedName("chat", key));
        expect(await client.subscribe(identifier)).toEqual(hears.reject(identifier));
      }
      await client.close();
      await ropeway.stop();
    }
  });

  it("Turbo and CableReady are the application's affair, although they are switched on, and a warning says so", async () => {
    const stage = await RpcStage.start(["--turbo_streams", "--cable_ready"]);
    onTestFinished(() => stage.stop());
    const { client, sid } = await stage.connect();
    for (const identifier of [turbo(signedName("chat", "")), cableReady(signedName("chat", ""))]) {
      expect(await client.subscribe(identifier)).toEqual(hears.confirm(identifier));
    }
    expect(stage.commands(sid)).toHaveLength(2);
    for (const option of ["--turbo_streams", "--cable_ready"]) {
      await stage.ropeway.logged(new RegExp(`^${option} has no effect, the application is asked`, "u"), ({ level }) => level === "WARN");
    }
    await client.close();
  });
});

describe("beside an application that is asked over RPC", () => {
  let stage: RpcStage;

  beforeAll(async () => {
    // As teams wrote it years ago.
    stage = await RpcStage.start([], { ANYCABLE_TURBO_RAILS_KEY: secret, ANYCABLE_JWT_ID_KEY: "qwerty" });
  });

  afterAll(() => stage.stop());

  it("a client with a token and Turbo Streams costs the application nothing at all", async () => {
    const { client, sid } = await stage.connect({}, `?jid=${await signed({ ext: "{}" }, "qwerty")}`);
    const { name, signed: token } = nameBy("turbo-rails");
    await hearsStream(stage.ropeway, client, turbo(token), name);
    expect(await client.subscribe(turbo("forged"))).toEqual(hears.reject(turbo("forged")));
    expect(await client.subscribe(turbo(token))).toEqual(hears.confirm(turbo(token)));
    client.say({ command: "message", identifier: turbo(token), data: '{"action":"x"}' });
    expect(await client.sync()).toEqual([]);
    await client.close();
    await stage.isEmpty();
    expect(stage.calls(sid)).toEqual([]);
  });

  it("its Disconnect call does not speak of them", async () => {
    const { client, sid } = await stage.connect();
    await client.subscribe(turbo(signedName("chat")));
    await client.subscribe(channel("ChatChannel"));
    await client.close();
    await expect.poll(() => stage.calls(sid).map(({ method }) => method)).toEqual(["Connect", "Command", "Disconnect"]);
    expect(stage.calls(sid)[2]!.request).toMatchObject({ subscriptions: [channel("ChatChannel")] });
  });
});

describe("@anycable/core", () => {
  let ropeway: Ropeway;
  let cable: Cable;

  beforeAll(async () => {
    ropeway = await startRopeway(["--noauth", "--norpc", `--secret=${secret}`, "--turbo_streams", "--cable_ready", "--streams_whisper"]);
    cable = createCable(ropeway.cable, { websocketImplementation: WebSocket, logLevel: "error" });
    await cable.connect();
  });

  afterAll(async () => {
    cable.disconnect();
    if (cable.monitor instanceof Monitor) cable.monitor.dispose();
    await ropeway.stop();
  });

  it.each([
    ["Turbo::StreamsChannel", { signed_stream_name: nameBy("turbo-rails").signed }, nameBy("turbo-rails").name],
    ["CableReady::Stream", { identifier: nameBy("cable_ready").signed }, nameBy("cable_ready").name],
    ["$pubsub", { signed_stream_name: nameBy("anycable-rb").signed }, nameBy("anycable-rb").name],
  ])("subscribes to %s and hears its stream", async (name, params, stream) => {
    const subscribed = cable.subscribeTo(name, params);
    const heard: unknown[] = [];
    subscribed.on("message", (message) => void heard.push(message));
    await subscribed.ensureSubscribed();
    const html = '<turbo-stream action="append" target="messages"><template>é</template></turbo-stream>';
    expect(await ropeway.publish({ stream, data: JSON.stringify(html) })).toBe(201);
    await expect.poll(() => heard).toEqual([html]);
    subscribed.disconnect();
  });

  it("is told when a name is not accepted", async () => {
    const subscribed = cable.subscribeTo("Turbo::StreamsChannel", { signed_stream_name: signedName("chat", "other") });
    await expect(subscribed.ensureSubscribed()).rejects.toThrow("Rejected");
  });

  it("has its own whispers back from nobody, and others hear them", async () => {
    const params = { signed_stream_name: signedName("whispers") };
    const other = await CableClient.connect(ropeway.cable);
    const identifier = channel("$pubsub", params);
    await other.subscribe(identifier);
    const subscribed = cable.subscribeTo("$pubsub", params);
    const heard: unknown[] = [];
    subscribed.on("message", (message) => void heard.push(message));
    await subscribed.ensureSubscribed();
    await subscribed.whisper({ typing: 1 });
    expect(await other.next()).toEqual({ identifier, message: { typing: 1 } });
    expect(await ropeway.publish({ stream: "whispers", data: "2" })).toBe(201);
    await expect.poll(() => heard).toEqual([2]);
    await other.close();
  });
});
