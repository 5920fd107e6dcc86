import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { natsBroadcaster, type NatsBroadcasterOptions } from "../../src/broadcasters/nats.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { startNats, startNatsCluster, type NatsServer } from "../support/nats-server.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { impatientClock } from "../support/redis-listening.ts";
import { broadcasterContract } from "./broadcaster.contract.ts";

const base = { subject: "__anycable__", isRequired: true, clock: systemClock(), logger: silentLogger };

describe("contract", () => {
  let shared: NatsServer;
  beforeAll(async () => {
    shared = await startNats({ config: "max_payload: 8MB" });
  });
  afterAll(() => shared.kill());

  broadcasterContract("nats", async () => {
    const client = await connect({ servers: shared.url });
    return {
      broadcaster: natsBroadcaster({ ...base, nats: { servers: [shared.url] } }),
      async publish(...bodies) {
        for (const body of bodies) client.publish(base.subject, body);
        await client.flush();
        return bodies.map(() => "untold");
      },
      close: () => client.close(),
    };
  });
});

describe("nats broadcaster", () => {
  const cleanups: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function listen(options: Partial<NatsBroadcasterOptions> & Pick<NatsBroadcasterOptions, "nats">) {
    const log = recordedLog();
    const broadcaster = natsBroadcaster({ ...base, ...options, logger: log.logger });
    const bodies: string[] = [];
    cleanups.push(() => broadcaster.stop());
    await broadcaster.start((body) => void bodies.push(body));
    const connected = (): Promise<void> => eventually(() => broadcaster.state!().isConnected).toBe(true);
    return { broadcaster, bodies, log, connected };
  }

  async function client({ url }: { readonly url: string }): Promise<NatsConnection> {
    const connection = await connect({ servers: url });
    cleanups.push(() => connection.close());
    return connection;
  }

  it("listens again after NATS was killed, as often as that happens, and says so once each time", async () => {
    const server = await startNats();
    const { bodies, log, connected, broadcaster } = await listen({ nats: { servers: [server.url] }, clock: impatientClock() });
    await connected();
    for (const body of ["one", "two"]) {
      await server.kill();
      await eventually(() => log.lines.at(-1)!.message).toBe("NATS is still away");
      expect(broadcaster.state!()).toMatchObject({
        isConnected: false,
        isRequired: true,
        target: server.url,
        problem: "connection refused",
      });
      await server.restart();
      await connected();
      (await client(server)).publish(base.subject, body);
      await eventually(() => bodies.at(-1)).toBe(body);
    }
    expect(bodies).toEqual(["one", "two"]);
    const outage = ["NATS is lost; trying to get it back", "NATS is back"];
    expect(log.messages()).toEqual(["Taking publications from NATS", ...outage, ...outage]);
  });

  it("hears what is published anywhere in a cluster", async () => {
    const servers = await startNatsCluster(2);
    const { bodies, connected } = await listen({ nats: { servers: [servers[0]!.url] } });
    await connected();
    const publisher = await client(servers[1]!);
    await eventually(async () => {
      publisher.publish(base.subject, "hello");
      return bodies.length;
    }).toBeGreaterThan(0);
  });

  it("tells a missing default NATS at info, once, and does not make readiness depend on it", async () => {
    const nats = { servers: [`nats://127.0.0.1:${await freePort()}`] };
    const { broadcaster, log } = await listen({ nats, isRequired: false });
    await eventually(() => log.lines.length).toBeGreaterThan(2);
    const seen = log.lines.filter(({ level }) => level !== "debug");
    expect(seen).toMatchObject([
      {
        level: "info",
        message: "There is no NATS at the default address; trying on in the background",
        fields: { error: "connection refused" },
      },
    ]);
    expect(broadcaster.state!().isRequired).toBe(false);
  });

  it("says that NATS does not let it listen, and listens as soon as it may", async () => {
    const config = (subject: string): string =>
      `authorization { users: [{ user: cable, password: "s3cret", permissions: { subscribe: ["${subject}", "_INBOX.>"] } }] }`;
    const server = await startNats({ config: config("other") });
    const nats = { servers: [server.url.replace("nats://", "nats://cable:s3cret@")] };
    const { broadcaster, bodies, connected } = await listen({ nats });
    await eventually(() => broadcaster.state!().problem).toMatch(/permissions violation/i);
    expect(broadcaster.state!().isConnected).toBe(false);
    await server.restart({ config: config(base.subject) });
    await connected();
    const publisher = await connect({ servers: server.url, user: "cable", pass: "s3cret" });
    publisher.publish(base.subject, "hello");
    await publisher.flush();
    await publisher.close();
    await eventually(() => bodies).toEqual(["hello"]);
  });
});
