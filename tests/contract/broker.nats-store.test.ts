import { readFileSync } from "node:fs";
import { jetstream, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock, type Clock } from "../../src/clock.ts";
import { BrokerStage, connected, thrownBy, type BrokerNode } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { Journal, publicationOf } from "../support/history-journal.ts";
import { openNatsRig } from "../support/nats-broker-rig.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";

let server: NatsServer;
let stage: BrokerStage;
let node: BrokerNode;
let client: NatsConnection | undefined;
beforeEach(async () => {
  server = await startNats({ jetstream: true });
  stage = new BrokerStage(await openNatsRig(server, { prefix: "" }));
  node = await stage.node();
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  await stage.close();
  await server.kill();
});

/** What NATS itself says. */
async function asked(): Promise<JetStreamManager> {
  client = await connect({ servers: server.url });
  return jetstreamManager(client);
}

async function histories(): Promise<readonly string[]> {
  const manager = await asked();
  const names: string[] = [];
  for await (const name of manager.streams.names("ropeway.history.>")) names.push(name);
  return names.toSorted();
}

describe("streams of JetStream", () => {
  it("that somebody removes are lost: other epochs, and nobody is told that nothing is missing", async () => {
    const history = node.broker.history!;
    const other = (await stage.node()).broker.history!;
    const second = Math.floor(Date.now() / 1_000);
    const before = await history.append(publicationOf("a", 0));
    await other.append(publicationOf("a", 1));
    const manager = await asked();
    for (const name of await histories()) await manager.streams.delete(name);
    for (const at of [history, other]) {
      expect(await at.after("a", before)).toMatchObject({ status: "gone" });
      expect(await at.since("a", second, true)).toMatchObject({ status: "gone" });
    }
    const after = [await other.append(publicationOf("a", 2)), await history.append(publicationOf("a", 3))];
    expect(after.map(({ offset }) => offset)).toEqual([1, 2]);
    expect(after[0]!.epoch).not.toBe(before.epoch);
    expect(after[1]!.epoch).toBe(after[0]!.epoch);
    for (const at of [history, other]) expect(await at.after("a", before)).toMatchObject({ status: "gone" });
  });

  it("get other limits when those were changed, and keep their positions", async () => {
    for (let number = 0; number < 10; number++) await node.broker.history!.append(publicationOf("a", number));
    await stage.stop(node);
    const changed = (await stage.node({ history: () => ({ limit: 3, ttlMs: 60_000 }) })).broker.history!;
    const position = await changed.append(publicationOf("a", 10));
    expect(position.offset).toBe(11);
    expect(await changed.since("a", 0, false)).toMatchObject({ status: "gone" });
    expect(await changed.after("a", { ...position, offset: 8 })).toMatchObject({ status: "complete", publications: [{}, {}, {}] });
    expect(await changed.after("a", { ...position, offset: 7 })).toMatchObject({ status: "gone" });
    const [name] = await histories();
    const { config } = await (await asked()).streams.info(name!);
    expect(config).toMatchObject({ max_msgs: 4, max_age: 62_000_000_000 });
  });

  it("that nobody needs are removed, and not those that somebody listens to", async () => {
    const history = node.broker.history!;
    const other = await stage.node();
    const positions = await Promise.all(["idle", "followed", "far"].map(async (stream) => history.append(publicationOf(stream, 0))));
    const gone = await history.append(publicationOf("gone", 0));
    await other.broker.history!.follow?.("followed");
    const [stale] = (await histories()).filter((name) => name.includes("gone"));
    const late = new BrokerStage(await openNatsRig(server, { prefix: "", clock: hoursLater(2) }));
    const sweeper = await late.node();
    try {
      await sweeper.broker.history!.follow?.("far");
      await eventually(async () => (await histories()).length).toBe(2);
      expect((await histories()).join()).toMatch(/-far-.*-followed-/);
      expect(await history.after("followed", positions[1]!)).toMatchObject({ status: "complete", publications: [] });
      expect(await history.after("far", positions[2]!)).toMatchObject({ status: "complete", publications: [] });
      expect(stale).toBeDefined();
      // Another epoch, with the same positions: whoever still has the old ones has to begin anew.
      const next = await history.append(publicationOf("gone", 1));
      expect(next.offset).toBe(1);
      expect(next.epoch).not.toBe(gone.epoch);
      expect(await history.after("gone", gone)).toMatchObject({ status: "gone" });
    } finally {
      await sweeper.broker.stop();
    }
  });

  it("take names of any kind and are shared by two nodes that begin them at once", async () => {
    const others = [node, await stage.node(), await stage.node()];
    for (let round = 0; round < 20; round++) {
      const stream = `begin. >*${round}/ü`;
      const positions = await Promise.all(others.map(async ({ broker }, number) => broker.history!.append(publicationOf(stream, number))));
      expect(new Set(positions.map(({ epoch }) => epoch)).size).toBe(1);
      expect(new Set(positions.map(({ offset }) => offset))).toEqual(new Set([1, 2, 3]));
    }
  });
});

describe("what somebody else has written", () => {
  it("into a history is not passed on, and complained about where it is", async () => {
    const history = node.broker.history!;
    const first = await history.append(publicationOf("a", 0));
    await history.append(publicationOf("b", 0));
    await history.follow?.("a");
    const manager = await asked();
    const name = (await histories()).find((each) => each.includes("-a-"))!;
    const { config } = await manager.streams.info(name);
    await jetstream(client!).publish(config.subjects[0]!, "garbage");
    await history.append(publicationOf("a", 1));
    await eventually(() => node.delivered.length).toBe(1);
    expect(node.delivered).toMatchObject([{ json: '{"n":1}', position: { offset: 3 } }]);
    expect(await thrownBy(() => history.after("a", first))).toMatchObject({ code: "broker.unavailable" });
    expect(await history.after("b", (await history.head("b"))!)).toMatchObject({ status: "complete" });
  });

  it("into the buckets is written over", async () => {
    const { history, sessions, presence } = node.broker;
    await asked();
    const js = jetstream(client!);
    const before = await history!.append(publicationOf("a", 0));
    for (const subject of ["$KV.ropeway-streams.stream.a", "$KV.ropeway-streams.stream.b", "$KV.ropeway-presence.member.a.42"]) {
      await js.publish(subject, "garbage");
    }
    await js.publish("$KV.ropeway-sessions.s1", "garbage");
    expect(await sessions!.take("s1", () => true)).toBeUndefined();
    expect(await presence!.join({ stream: "a", sid: "s1", id: "42", info: "1" })).toBe(true);
    expect(await presence!.info("a", false)).toEqual({ total: 1 });
    expect(await history!.append(publicationOf("b", 0))).toMatchObject({ offset: 1 });
    await server.kill();
    await eventually(() => node.broker.state!().isConnected).toBe(false);
    await server.restart();
    await connected(node);
    const after = await history!.append(publicationOf("a", 1));
    expect(after.epoch).not.toBe(before.epoch);
    expect(await history!.after("a", before)).toMatchObject({ status: "gone" });
  });
});

it("a user needs no more rights than the guide says", async () => {
  const guide = readFileSync(new URL("../../docs/guides/nats-broker.md", import.meta.url), "utf8");
  const [permissions] = /^permissions \{[^}]+\}/mu.exec(guide)!;
  const journal = new Journal();
  await server.restart({
    config: `authorization { users: [{ user: cable, password: pw, ${permissions.replace("permissions", "permissions:")} }] }`,
  });
  const url = server.url.replace("://", "://cable:pw@");
  const limited = new BrokerStage(await openNatsRig(server, { prefix: "", nats: { servers: [url] } }));
  const { broker, delivered } = await limited.node();
  try {
    await broker.history!.follow?.("a");
    await journal.publish(broker.history!, "a", 3);
    await eventually(() => delivered.length).toBe(3);
    expect(await journal.checkAll(broker.history!, "a")).toBe(3);
    const stored = { identifiers: "x", isProven: false, wantsDisconnect: true, cstate: {}, subscriptions: [] };
    broker.sessions!.leave({ sid: "s1", snapshot: () => stored });
    expect(await broker.sessions!.take("s1", () => true)).toEqual(stored);
    expect(await broker.presence!.join({ stream: "a", sid: "s", id: "1", info: "1" })).toBe(true);
    expect(await broker.presence!.info("a", false)).toEqual({ total: 1 });
    expect(await broker.presence!.leave("a", "s")).toBe("1");
  } finally {
    await broker.stop();
  }
});

it("what NATS takes no message for is too large, and nothing else suffers", async () => {
  const history = node.broker.history!;
  const first = await history.append(publicationOf("a", 0));
  const large = { ...publicationOf("a", 1), json: JSON.stringify("x".repeat(1_100_000)) };
  expect(await thrownBy(() => history.append(large))).toMatchObject({
    code: "publication.too_large",
    message: expect.stringContaining("max_payload"),
  });
  expect(await thrownBy(() => node.broker.presence!.join({ stream: "a", sid: "s", id: "1", info: large.json }))).toMatchObject({
    code: "command.rejected",
  });
  expect(await history.append(publicationOf("a", 2))).toEqual({ ...first, offset: 2 });
});

it("thousands who come back at once share a few readings", async () => {
  const history = node.broker.history!;
  const positions = await Promise.all(Array.from({ length: 20 }, async (_, number) => history.append(publicationOf("a", number))));
  await asked();
  let readings = 0;
  client!.subscribe("$JS.API.STREAM.>", { callback: () => void readings++ });
  await client!.flush();
  const answers = await Promise.all(Array.from({ length: 5_000 }, async (_, number) => history.after("a", positions[number % 20]!)));
  expect(answers.every((answer, number) => answer.status === "complete" && answer.publications.length === 19 - (number % 20))).toBe(true);
  await client!.flush();
  expect(readings).toBeGreaterThan(0);
  expect(readings).toBeLessThan(500);
});

it("a bucket that another node is just making is asked for nothing until it takes messages", async () => {
  // A nats-server older than 2.9.15 crashes when it is asked for a message then.
  const manager = await asked();
  const calls: string[] = [];
  client!.subscribe("$JS.API.STREAM.>", { callback: (_, { subject }) => void calls.push(subject) });
  const bucket = "late-ropeway-streams";
  await manager.streams.add({ name: `KV_${bucket}`, subjects: ["not.yet"], max_msgs_per_subject: 1 });
  const late = new BrokerStage(await openNatsRig(server, { prefix: "late" }));
  const starting = late.node();
  try {
    await eventually(() => calls).toContain(`$JS.API.STREAM.INFO.KV_${bucket}`);
    for (let trips = 0; trips < 100; trips++) await client!.flush();
    expect(calls.filter((subject) => subject.includes(".MSG.GET."))).toEqual([]);
    await manager.streams.update(`KV_${bucket}`, { subjects: [`$KV.${bucket}.>`] });
    await starting;
    await eventually(() => calls).toContain(`$JS.API.STREAM.MSG.GET.KV_${bucket}`);
  } finally {
    await late.stop(await starting);
  }
});

/** The machine's clock as it will be, where long waits are short. */
function hoursLater(hours: number): Clock {
  const clock = systemClock();
  return {
    ...clock,
    nowMs: () => clock.nowMs() + hours * 3_600_000,
    after: (delayMs, run) => clock.after(delayMs > 300_000 ? 200 : delayMs, run),
  };
}
