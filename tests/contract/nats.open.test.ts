// What every part that uses NATS relies on.

import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect } from "@nats-io/transport-node";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openNats, type NatsOpening, type OpenedNats } from "../../src/nats/open.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { freePort } from "../support/free-port.ts";
import { startNats, startNatsCluster, type NatsServer } from "../support/nats-server.ts";
import { recordedLog, type RecordedLog } from "../support/recorded-log.ts";
import { impatientClock } from "../support/redis-listening.ts";
import { redisPem } from "../support/redis-server.ts";

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Opened extends OpenedNats {
  readonly log: RecordedLog;
  connected(): Promise<void>;
  /** Waits until the reason why it is away is told. */
  complained(about: RegExp): Promise<void>;
}

function open(servers: string | readonly string[], options: Partial<NatsOpening> = {}, nats: Partial<NatsOpening["nats"]> = {}): Opened {
  const log = recordedLog();
  const opened = openNats({
    clock: systemClock(),
    isRequired: true,
    logger: log.logger,
    prepare: async () => {},
    ...options,
    nats: { servers: [servers].flat(), ...nats },
  });
  cleanups.push(() => opened.stop());
  opened.start();
  return Object.assign(Object.create(opened) as OpenedNats, {
    log,
    connected: () => eventually(() => opened.state.isConnected).toBe(true),
    complained: (about: RegExp) => eventually(() => opened.state.problem).toMatch(about),
  });
}

const withLogin = (url: string, login: string): string => url.replace("://", `://${login}@`);

describe("a connection to NATS", () => {
  it("is at hand while it is there, and not while it is away or stopped", async () => {
    const server = await startNats();
    const connections: boolean[] = [];
    const opened = open(server.url, { onConnected: (isBack) => connections.push(isBack) });
    expect(opened.client).toBeUndefined();
    await opened.connected();
    expect(opened.state).toMatchObject({ server: server.url.slice("nats://".length), problem: undefined });
    const { client } = opened;
    await client!.flush();
    await server.kill();
    await eventually(() => opened.client).toBeUndefined();
    expect(() => client!.publish("a", "b")).toThrow("closed connection");
    expect(connections).toEqual([false]);
    await server.restart();
    await opened.connected();
    expect(connections).toEqual([false, true]);
    await opened.client!.flush();
    opened.stop();
    expect(opened.client).toBeUndefined();
    expect(opened.state).toMatchObject({ isConnected: false, server: undefined, problem: undefined });
    expect(opened.log.messages()).toEqual(["NATS is lost; trying to get it back", "NATS is back"]);
  });

  it("waits for a NATS that comes later", async () => {
    const port = await freePort();
    const opened = open(`127.0.0.1:${port}`);
    await opened.complained(/^connection refused$/);
    await startNats({ port });
    await opened.connected();
    expect(opened.log.messages()).toEqual(["NATS can't be reached; trying on"]);
  });

  it("is prepared each time it is made, and counts as made when that has worked", async () => {
    const server = await startNats();
    let prepared = 0;
    const opened = open(server.url, {
      clock: impatientClock(),
      prepare: async (client) => {
        prepared++;
        expect(opened.state.isConnected).toBe(false);
        await client.flush();
        if (prepared < 3) throw new Error("not yet");
      },
    });
    await opened.connected();
    expect(prepared).toBe(3);
    expect(opened.log.lines[0]!.fields["error"]).toBe("not yet");
    opened.giveUp(opened.client!, new Error("it is no good"));
    expect(opened.state).toMatchObject({ isConnected: false, problem: "it is no good" });
    await opened.connected();
    expect(prepared).toBe(4);
  });

  it("is tried with the other servers, and with those that they told of, when one is gone", async () => {
    const servers = await startNatsCluster(3);
    const at = (server: NatsServer): string => server.url.slice("nats://".length);
    for (const { url } of servers) {
      const told = await connect({ servers: url });
      await eventually(() => told.info?.connect_urls?.length).toBe(3);
      await told.close();
    }
    const opened = open([`127.0.0.1:${await freePort()}`, servers[0]!.url], {}, { isRandomized: false });
    await opened.connected();
    const seen = new Set<string>();
    for (const _ of servers) {
      const current = servers.find((server) => at(server) === opened.state.server)!;
      seen.add(at(current));
      await current.kill();
      await eventually(() => opened.state.isConnected).toBe(false);
      if (seen.size < 3) await opened.connected();
    }
    expect(seen.size).toBe(3);
  });

  it("is tried with a server that came after it was made, when its own is gone", async () => {
    const [first, second, third] = await startNatsCluster(3);
    await Promise.all([second!.kill(), third!.kill()]);
    const told = await connect({ servers: first!.url });
    await eventually(() => told.info?.connect_urls?.length ?? 0).toBeLessThan(2);
    await told.close();
    const opened = open(first!.url);
    await opened.connected();
    await second!.restart();
    await eventually(() => opened.client?.info?.connect_urls?.length).toBe(2);
    await first!.kill();
    await eventually(() => opened.state.isConnected).toBe(false);
    await opened.connected();
    expect(second!.url).toBe(`nats://${opened.state.server}`);
  });

  it("takes the servers in the order given, or in random order", async () => {
    const servers = await Promise.all([startNats(), startNats()]);
    const urls = servers.map(({ url }) => url);
    const first = async (random: () => number, isRandomized: boolean): Promise<number> => {
      const opened = open(urls, { random }, { isRandomized });
      await opened.connected();
      return urls.indexOf(`nats://${opened.state.server}`);
    };
    const decreasing = (): (() => number) => {
      let next = 1;
      return () => (next /= 2);
    };
    expect([await first(decreasing(), false), await first(decreasing(), true), await first(() => 0, true)]).toEqual([0, 1, 0]);
  });

  it("shows user and password, or a token, and never tells either", async () => {
    const users = await startNats({ auth: { user: "cable", password: "p@ss/w:rd" } });
    const tokens = await startNats({ auth: { token: "t%ken" } });
    const lines: unknown[] = [];
    for (const [server, login, isGood] of [
      [users, "cable:p%40ss%2Fw%3Ard", true],
      [users, "cable:wr0ng", false],
      [users, "wr0ng", false],
      [tokens, "t%25ken", true],
      [tokens, "wr0ng", false],
    ] as const) {
      const opened = open(withLogin(server.url, login));
      if (isGood) await opened.connected();
      else await opened.complained(/Authorization Violation/);
      expect(opened.display).toBe(server.url);
      lines.push(opened.log.lines, opened.state);
      opened.stop();
    }
    // The others get what the first that has a login has.
    const opened = open(
      `127.0.0.1:${await freePort()},${withLogin(users.url, "cable:p%40ss%2Fw%3Ard")},${users.url}`,
      {},
      { isRandomized: false },
    );
    await opened.connected();
    expect(JSON.stringify([lines, opened.log.lines])).not.toMatch(/wr0ng|p@ss|p%40|t%ken/);
  });

  it("backs off from a server that drops every connection, and forgets that once one has lasted", async () => {
    const sockets: Socket[] = [];
    let drops = true;
    const info = JSON.stringify({ server_id: "x", version: "2.9.10", max_payload: 1_000, headers: true });
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.write(`INFO ${info}\r\n`);
      socket.on("data", (data) => {
        if (!String(data).includes("PING")) return;
        if (drops) socket.end("PONG\r\n");
        else socket.write("PONG\r\n");
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => void server.close());
    const clock = new FakeClock();
    const opened = open(`127.0.0.1:${(server.address() as AddressInfo).port}`, { clock, random: () => 0, isRequired: true });
    const losses = (): number => opened.log.lines.filter(({ message }) => /lost|can't be reached|still away/.test(message)).length;
    let expected = 0;
    const expectRetryAfter = async (waitMs: number): Promise<void> => {
      expected++;
      await eventually(losses).toBe(expected);
      clock.advance(waitMs - 1);
      expect(clock.pending).toBe(1);
      const before = sockets.length;
      clock.advance(1);
      await eventually(() => sockets.length).toBe(before + 1);
    };
    for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000]) await expectRetryAfter(waitMs);
    drops = false;
    await expectRetryAfter(5_000);
    await opened.connected();
    clock.advance(5_000);
    sockets.at(-1)!.destroy();
    await expectRetryAfter(250);
  });

  it("gives up a server that is silent, once it is connected and before, and leaves no socket with it", async () => {
    const server = await startNats({ config: "ping_interval: 60" });
    const opened = open(server.url, { pingIntervalMs: 200, clock: impatientClock() });
    await opened.connected();
    server.freeze();
    await eventually(() => opened.state.isConnected).toBe(false);
    await expect.poll(() => opened.state.problem, { timeout: 12_000 }).toBe("it does not answer");
    server.thaw();
    await opened.connected();
    const monitor = await connect({ servers: server.url });
    const sockets = process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
    await monitor.close();
    // The connection, the monitor's, and those of the test runner, if any: no more than before a server that hung.
    expect(sockets).toBeLessThanOrEqual(2);
  }, 30_000);

  it("lets go of a connection that comes when it was stopped already", async () => {
    const server = await startNats();
    const opened = open(server.url);
    opened.stop();
    const late = open(server.url);
    await late.connected();
    late.stop();
    await eventually(() => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length).toBe(0);
    expect(opened.state.isConnected).toBe(false);
    expect(opened.log.lines).toEqual([]);
  });

  it("says now and then what NATS does not permit", async () => {
    const server = await startNats({
      config: `authorization { users: [{ user: cable, password: pw, permissions: { publish: ["mine"], subscribe: ["mine"] } }] }`,
    });
    const refused: (string | undefined)[] = [];
    const opened = open(withLogin(server.url, "cable:pw"), { onRefused: (subject) => refused.push(subject) });
    await opened.connected();
    for (let times = 0; times < 3; times++) opened.client!.publish("theirs", "x");
    opened.client!.subscribe("those", { callback: () => {} });
    await eventually(() => refused).toEqual(["theirs", "theirs", "theirs", "those"]);
    expect(opened.log.messages()).toEqual(["NATS refuses something"]);
    expect(opened.state.isConnected).toBe(true);
  });

  it.each([
    [[], /nats_servers names no server/],
    [["http://:secret@x"], /nats_servers has the scheme "http"/],
    [["nats://:secret@host:99999"], /nats_servers has what is no URL/],
    [["nats://u:%secret@host"], /nats_servers has a stray %/],
  ])("refuses the address %j without quoting it", (servers, why) => {
    expect(() => open(servers)).toThrow(why);
    expect(() => open(servers)).not.toThrow(/secret/);
  });
});

describe("TLS to NATS", () => {
  const ca = redisPem("redis-ca.pem");
  const tls = (name: string, more = ""): string =>
    `tls { cert_file: "${redisPem(`${name}.pem`)}", key_file: "${redisPem(`${name}-key.pem`)}"${more} }`;

  it("checks the server's certificate, by name and by address", async () => {
    const server = await startNats({ config: tls("redis-server") });
    const url = `tls://127.0.0.1:${server.port}`;
    for (const host of ["localhost", "127.0.0.1"]) {
      const opened = open(`tls://${host}:${server.port}`, {}, { tls: { caPath: ca } });
      await opened.connected();
      await opened.client!.flush();
    }
    // A server that wants TLS gets it, whatever the URL says.
    await open(`nats://localhost:${server.port}`).complained(/unable to verify|authority.*is not known here/);
    await open(url).complained(/authority that signed the server's certificate is not known here/);
  });

  it("insists that the certificate names a server of nats_servers", async () => {
    const server = await startNats({ config: tls("redis-elsewhere") });
    const own = `tls://127.0.0.1:${server.port}`;
    await open(own, {}, { tls: { caPath: ca } }).complained(/nats_servers has to name the server as its certificate does/);
    await open(`${own},tls://redis.example`, {}, { tls: { caPath: ca }, isRandomized: false }).connected();
  });

  it("shows a certificate of our own where one is wanted", async () => {
    const server = await startNats({ config: tls("redis-server", `, ca_file: "${ca}", verify: true`) });
    const url = `tls://localhost:${server.port}`;
    await open(
      url,
      {},
      { tls: { caPath: ca, certPath: redisPem("redis-client.pem"), keyPath: redisPem("redis-client-key.pem") } },
    ).connected();
    const without = open(url, {}, { tls: { caPath: ca } });
    await eventually(() => without.state.problem).toBeTypeOf("string");
    expect(without.state.isConnected).toBe(false);
  });

  it("does not send anything to a server that has none", async () => {
    const server = await startNats();
    await open(`tls://127.0.0.1:${server.port}`).complained(/does not support 'tls'/);
  });
});
