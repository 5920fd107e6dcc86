import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Broker } from "../../src/broker/broker.ts";
import { BrokerStage, type BrokerNode } from "../support/broker-rig.ts";
import { Journal, publicationOf } from "../support/history-journal.ts";
import { openNatsRig } from "../support/nats-broker-rig.ts";
import { startNatsCluster, type NatsServer } from "../support/nats-server.ts";

const member = (sid: string): Parameters<NonNullable<Broker["presence"]>["join"]>[0] => ({ stream: "a", sid, id: "42", info: "1" });
const stored = { identifiers: "x", isProven: false, wantsDisconnect: true, cstate: {}, subscriptions: [] };

/** Until servers have met, or given one up, and chosen leaders: some ten seconds, and more while the machine has other things to do. */
const election = { timeout: 60_000, interval: 50 };

describe("a NATS cluster of three, with replicas", { timeout: 100_000 }, () => {
  let servers: readonly NatsServer[] = [];
  let nodes: readonly BrokerNode[] = [];
  beforeAll(async () => {
    servers = await startNatsCluster(3, { jetstream: true });
    const client = await connect({ servers: servers[0]!.url });
    const manager = await jetstreamManager(client, { checkAPI: false });
    await vi.waitFor(() => manager.streams.add({ name: "probe", subjects: ["probe"], num_replicas: 3 }), election);
    await client.close();
  }, 100_000);
  afterAll(async () => void (await Promise.all(servers.map((server) => server.kill()))));

  // Each has a server of its own, and learns of the others.
  beforeEach(async () => {
    nodes = await Promise.all(
      servers.map(async (server) => new BrokerStage(await openNatsRig(server, { prefix: "", replicas: 3, timeoutMs: 5_000 })).node()),
    );
  }, 100_000);
  afterEach(async () => void (await Promise.all(nodes.map(({ broker }) => broker.stop()))));

  it("lets one of many take a session, join first, and leave last", async () => {
    const presences = nodes.map(({ broker }) => broker.presence!);
    const sessions = nodes.map(({ broker }) => broker.sessions!);
    for (let round = 0; round < 4; round++) {
      const joined = await Promise.all(presences.map(async (presence, at) => presence.join(member(`s${at}`))));
      expect(joined.filter(Boolean)).toHaveLength(1);
      const left = await Promise.all(presences.map(async (presence, at) => presence.leave("a", `s${at}`)));
      expect(left.filter((id) => id !== undefined)).toEqual(["42"]);
      const sid = `round ${round}`;
      sessions[0]!.save({ sid, snapshot: () => stored });
      expect(await sessions[0]!.wasTaken(sid)).toBe(false);
      const taken = await Promise.all(sessions.map(async (each) => each.take(sid, () => true)));
      expect(taken.filter((each) => each !== undefined)).toEqual([stored]);
    }
  });

  it("loses nothing with one of its servers, and goes on", async () => {
    const [first] = servers as [NatsServer];
    const [here, there] = nodes.map(({ broker }) => broker) as [Broker, Broker];
    const journal = new Journal();
    const publish = async (): Promise<void> => {
      await Promise.all(nodes.flatMap(({ broker }) => ["a", "b"].map(async (stream) => journal.publish(broker.history!, stream, 5))));
    };
    await publish();
    await here.presence!.join(member("s1"));
    here.sessions!.leave({ sid: "s1", snapshot: () => stored });
    expect(await here.sessions!.wasTaken("s1")).toBe(false);

    await first.kill();
    const isBack = async ({ broker }: BrokerNode): Promise<unknown> => broker.history!.append(publicationOf("probe", 0));
    await vi.waitFor(async () => Promise.all(nodes.map(isBack)), election);
    await publish();
    for (const { broker } of nodes) expect(await journal.checkAll(broker.history!, "a", "b")).toBe(60);
    await vi.waitFor(() => here.presence!.keep([member("s1")]), election);
    // What brought the news of presence may have died with the server.
    const info = await vi.waitFor(() => there.presence!.info("a", true), election);
    expect(info).toEqual({ total: 1, records: [{ id: "42", info: "1" }] });
    expect(await there.sessions!.take("s1", () => true)).toEqual(stored);
    expect(nodes.flatMap(({ expired }) => expired)).toEqual([]);
  });
});
