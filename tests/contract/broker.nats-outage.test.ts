import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Restorable } from "../../src/broker/broker.ts";
import { BrokerStage, connected, thrownBy, type BrokerNode } from "../support/broker-rig.ts";
import { eventually } from "../support/eventually.ts";
import { Journal, publicationOf } from "../support/history-journal.ts";
import { openNatsRig } from "../support/nats-broker-rig.ts";
import { startNats, type NatsServer } from "../support/nats-server.ts";

let server: NatsServer;
let stage: BrokerStage;
let node: BrokerNode;
beforeEach(async () => {
  server = await startNats({ jetstream: true });
  stage = new BrokerStage(await openNatsRig(server, { prefix: "" }));
  node = await stage.node();
});
afterEach(async () => {
  await stage.close();
  await server.kill();
});

async function away(of: BrokerNode = node): Promise<void> {
  await eventually(() => of.broker.state!().isConnected).toBe(false);
}

function session(sid: string, identifiers: string): Restorable {
  return { sid, snapshot: () => ({ identifiers, isProven: false, wantsDisconnect: true, cstate: {}, subscriptions: [] }) };
}

describe("a NATS that is killed and comes back with what it had", () => {
  it("loses no publication of several nodes, and is not believed to have lost any", async () => {
    const history = node.broker.history!;
    const other = (await stage.node()).broker.history!;
    const journal = new Journal();
    for (let round = 0; round < 3; round++) {
      const publishing = Promise.all([journal.publish(history, "a", 15), journal.publish(other, "b", 15)]);
      await server.kill();
      await server.restart();
      await publishing;
      for (const at of [history, other]) await journal.checkAll(at, "a", "b");
    }
    expect(await journal.checkAll(history, "a", "b")).toBe(90);
  });

  it("still has sessions and who is present, and takes what was to be stored meanwhile", async () => {
    const { sessions, presence } = node.broker;
    sessions!.leave(session("s1", "before"));
    await presence!.join({ stream: "a", sid: "s1", id: "42", info: "1" });
    expect(await sessions!.wasTaken("s1")).toBe(false);
    await server.kill();
    await away();
    sessions!.leave(session("s2", "while it was away"));
    expect(await thrownBy(() => node.broker.history!.append(publicationOf("a", 0)))).toMatchObject({
      code: "publication.unavailable",
      message: expect.not.stringContaining("may have got it"),
    });
    for (const ask of [() => node.broker.history!.head("a"), () => sessions!.take("s1", () => true), () => presence!.info("a", false)]) {
      expect(await thrownBy(ask)).toMatchObject({ code: "broker.unavailable" });
    }
    await server.restart();
    await connected(node);
    expect(await sessions!.take("s1", () => true)).toMatchObject({ identifiers: "before" });
    expect(await sessions!.take("s2", () => true)).toMatchObject({ identifiers: "while it was away" });
    expect(await presence!.info("a", true)).toEqual({ total: 1, records: [{ id: "42", info: "1" }] });
    expect(node.expired).toEqual([]);
  });

  it("goes on telling what other nodes publish, and has what was published meanwhile", async () => {
    await node.broker.history!.follow?.("a");
    const other = (await stage.node()).broker.history!;
    const first = await other.append(publicationOf("a", 0));
    await eventually(() => node.delivered.length).toBe(1);
    await server.restart();
    await connected(node);
    await eventually(async () => (await Promise.allSettled([other.append(publicationOf("a", 1))]))[0]!.status).toBe("fulfilled");
    expect(await node.broker.history!.after("a", first)).toMatchObject({ status: "complete", publications: [{ json: '{"n":1}' }] });
    await other.append(publicationOf("a", 2));
    await eventually(() => node.delivered.at(-1)?.json).toBe('{"n":2}');
  });
});

describe("a NATS that comes back with what it had some time ago", () => {
  it("gives no position twice, through whichever node, and leaves no hole", async () => {
    const others = [node, await stage.node(), await stage.node()];
    const journal = new Journal();
    const streams = ["a", "b", "c"];
    for (const { broker } of others) for (const stream of streams) await broker.history!.follow?.(stream);
    const publish = async (count: number): Promise<void> => {
      await Promise.all(others.flatMap(({ broker }) => streams.map((stream) => journal.publish(broker.history!, stream, count))));
    };
    await publish(5);
    const { rollBack } = await (stage.rig.snapshot as () => Promise<{ rollBack: () => Promise<void> }>)();
    await publish(5);
    const before = streams.map((stream) => journal.positions(stream).at(-1)!);
    await rollBack();
    await publish(10);
    for (const { broker } of others) {
      await journal.checkAll(broker.history!, ...streams);
      for (const [at, stream] of streams.entries()) {
        expect(await broker.history!.after(stream, before[at]!)).toMatchObject({ status: "gone" });
      }
    }
    expect(await journal.checkAll(node.broker.history!, ...streams)).toBeGreaterThanOrEqual(60);
  });
});

it("a NATS without JetStream is said to be none", async () => {
  await stage.stop(node);
  const plain = await startNats();
  const broker = (await openNatsRig(plain)).newNode({
    history: () => ({ limit: 1, ttlMs: 1_000 }),
    sessionsTtlMs: 0,
    presenceTtlMs: 0,
  });
  await broker.start({ deliver: () => {}, execute: () => {}, missed: () => {}, expired: () => {} });
  try {
    await eventually(() => broker.state!().problem).toMatch(/JetStream/);
    expect([broker.sessions, broker.presence]).toEqual([undefined, undefined]);
  } finally {
    await broker.stop();
    await plain.kill();
  }
});
