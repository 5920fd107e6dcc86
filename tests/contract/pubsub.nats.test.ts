import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Publication } from "../../src/publications/publication.ts";
import { natsPubsub, type NatsPubsubOptions } from "../../src/pubsub/nats.ts";
import type { Pubsub } from "../../src/pubsub/pubsub.ts";
import { eventually } from "../support/eventually.ts";
import { publicationOf } from "../support/history-journal.ts";
import { natsMedium, pubsubSubjects, startWatchedNats } from "../support/nats-pubsub-medium.ts";
import { startNats, startNatsCluster } from "../support/nats-server.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { pubsubContract } from "./pubsub.contract.ts";

const clock = systemClock();

pubsubContract("nats", [1, 2, 3], async () => {
  const server = await startWatchedNats();
  return {
    node: (parts) => natsPubsub({ ...parts, clock, subjects: pubsubSubjects, nats: { servers: [server.url] } }),
    medium: { ...natsMedium([server]), kill: () => server.kill(), restart: () => server.restart() },
    close: () => server.kill(),
  };
});

describe("pubsub nats", () => {
  const nodes: Pubsub[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });

  interface Node {
    readonly pubsub: Pubsub;
    readonly heard: Publication[];
    readonly log: RecordedLog;
    readonly missed: () => number;
  }

  async function start(url: string, options: Partial<NatsPubsubOptions> = {}): Promise<Node> {
    const log = recordedLog();
    const parts = { clock, subjects: pubsubSubjects, metrics: createMetrics(), logger: log.logger, nats: { servers: [url] } };
    const pubsub = natsPubsub({ ...parts, ...options });
    nodes.push(pubsub);
    const heard: Publication[] = [];
    let missed = 0;
    await pubsub.start({ deliver: (publication) => void heard.push(publication), execute: () => {}, missed: () => void missed++ });
    await eventually(() => pubsub.state!().isConnected).toBe(true);
    return { pubsub, heard, log, missed: () => missed };
  }

  it("says what is too large for the server, and carries what is as large as allowed", async () => {
    const server = await startNats({ config: "max_payload: 10KB" });
    const { pubsub, heard } = await start(server.url);
    await pubsub.subscribe("a");
    await expect(pubsub.publish({ ...publicationOf("a", 0), json: JSON.stringify("x".repeat(10_240)) })).rejects.toMatchObject({
      code: "publication.too_large",
      message: expect.stringContaining("10240 at most (its max_payload)"),
    });
    await pubsub.publish({ ...publicationOf("a", 0), json: JSON.stringify("x".repeat(10_200)) });
    await eventually(() => heard.length).toBe(1);
  });

  it("refuses what NATS does not permit, and takes everything else at the same time", async () => {
    const server = await startNats({
      config: `authorization { users: [{ user: cable, password: pw, permissions: { publish: { deny: ["secret"] }, subscribe: [">"] } }] }`,
    });
    const { pubsub, heard } = await start(server.url.replace("://", "://cable:pw@"));
    await pubsub.subscribe("open");
    const said = ["open", "secret", "open"].map(async (stream, number) => pubsub.publish(publicationOf(stream, number)));
    expect(await Promise.allSettled(said)).toMatchObject([
      { status: "fulfilled" },
      { status: "rejected", reason: { code: "publication.unavailable", message: expect.stringMatching(/permissions violation/i) } },
      { status: "fulfilled" },
    ]);
    await eventually(() => heard.length).toBe(2);
  });

  it("refuses publications when NATS does not answer, and does not wait for a subscription for ever, nor forget it", async () => {
    const server = await startNats();
    const { pubsub, missed } = await start(server.url, { publishTimeoutMs: 500 });
    server.freeze();
    const subscribed = pubsub.subscribe("a");
    await expect(pubsub.publish(publicationOf("a", 0))).rejects.toMatchObject({ code: "publication.unavailable" });
    await subscribed;
    expect(missed()).toBe(0);
    server.thaw();
    await eventually(missed).toBe(1);
  });

  it("notices that it was too slow for the server", async () => {
    const server = await startNats({ config: 'max_pending: 1MB\nwrite_deadline: "200ms"' });
    const { pubsub, missed } = await start(server.url);
    await pubsub.subscribe("flood");
    // Nothing runs in this process while somebody else publishes.
    const script = `
      const socket = require("node:net").connect(${server.port}, "127.0.0.1");
      socket.on("data", (data) => { if (String(data).includes("PONG")) process.exit(0); });
      socket.write("CONNECT {}\\r\\n");
      for (let count = 0; count < 100; count++) socket.write("PUB flood 500000\\r\\n" + "x".repeat(500000) + "\\r\\n");
      socket.write("PING\\r\\n");`;
    execFileSync(process.execPath, ["-e", script]);
    await eventually(missed).toBe(1);
    await eventually(() => pubsub.state!().isConnected).toBe(true);
  });

  it("keeps applications with different prefixes apart", async () => {
    const server = await startNats();
    const one = await start(server.url, { subjects: { ...pubsubSubjects, prefix: "one" } });
    const other = await start(server.url, { subjects: { ...pubsubSubjects, prefix: "other" } });
    const none = await start(server.url);
    for (const { pubsub } of [one, other, none]) await pubsub.subscribe("a");
    await other.pubsub.subscribe("one.a");
    await one.pubsub.publish(publicationOf("a", 1));
    await none.pubsub.publish(publicationOf("a", 2));
    await other.pubsub.publish(publicationOf("a", 3));
    await eventually(() => [one, other, none].map(({ heard }) => heard.map(({ json }) => json))).toEqual([
      ['{"n":1}'],
      ['{"n":3}'],
      ['{"n":2}'],
    ]);
  });

  it("reaches nodes at other servers of a cluster", async () => {
    const servers = await startNatsCluster(3);
    const at = await Promise.all(servers.map(({ url }) => start(url)));
    for (const { pubsub } of at) await pubsub.subscribe("a");
    await eventually(async () => {
      for (const { heard } of at) heard.length = 0;
      await at[0]!.pubsub.publish(publicationOf("a", 1));
      return at.map(({ heard }) => heard.length > 0);
    }).toEqual([true, true, true]);
  });
});
