// A nats-server that Ropeway runs itself: the real program, its real clients.

import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EmbeddedNatsOptions, NatsListen } from "../../src/nats/embedded/options.ts";
import { embed, isAlive, listenOnFreePort, natsClient, startEmbedded, stopEmbedded } from "../support/embedded-nats.ts";
import { eventually } from "../support/eventually.ts";

stopEmbedded();

const jetStream = { storeDir: undefined, readyTimeoutMs: 30_000 };
type ClusterOptions = NonNullable<EmbeddedNatsOptions["cluster"]>;

let scratch: string;
beforeEach(() => void (scratch = mkdtempSync(join(tmpdir(), "ropeway-embedded-test-"))));
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function heardBy(client: NatsConnection): string[] {
  const heard: string[] = [];
  client.subscribe("news", { callback: (_error, message) => void heard.push(message.string()) });
  return heard;
}

/** nats-server, with something done before it. */
function wrapped(lines: string): string {
  const path = join(scratch, "nats-server");
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("an embedded NATS server", () => {
  it("serves clients when its start is over, and leaves neither a process nor a file behind", async () => {
    const { server, url, log, pid, folder } = await startEmbedded({ serverName: "cable-1" });
    const client = await natsClient(url);
    expect(client.info).toMatchObject({ server_name: "cable-1", max_payload: 1_048_576 });
    const heard = heardBy(client);
    client.publish("news", "hello");
    await eventually(() => heard).toEqual(["hello"]);
    expect(server.state()).toMatchObject({ isConnected: true, problem: undefined, target: url.replace("nats://", "") });
    expect(log.messages()).toEqual(["The embedded NATS server is ready"]);
    expect(isAlive(pid)).toBe(true);

    await server.stop!(AbortSignal.timeout(5_000));
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
    expect(server.state()).toMatchObject({ isConnected: false, problem: "it is stopped" });
    expect(log.lines.map(({ fields }) => fields["line"])).toContain("Server Exiting..");
  });

  it("is started again when it is killed, and its clients are back with all that JetStream had", async () => {
    const embedded = await startEmbedded({ jetStream });
    const { server, url, log, pid } = embedded;
    const client = await natsClient(url);
    await (await jetstreamManager(client)).streams.add({ name: "kept", subjects: ["kept"] });
    await jetstream(client).publish("kept", "one");
    const heard = heardBy(client);

    for (let round = 1; round <= 2; round++) {
      process.kill(embedded.pid, "SIGKILL");
      await eventually(() => server.state()).toMatchObject({ isConnected: false, problem: "it ended (SIGKILL)" });
      await eventually(() => log.messages().filter((message) => message === "The embedded NATS server is back").length).toBe(round);
    }
    expect(embedded.pid).not.toBe(pid);
    await vi.waitFor(() => client.flush(), { timeout: 10_000 });
    client.publish("news", "again");
    await eventually(() => heard).toEqual(["again"]);
    expect((await (await jetstreamManager(client)).streams.info("kept")).state.messages).toBe(1);
    expect(server.state().isConnected).toBe(true);
  });

  it("is started again and again, however often that fails", async () => {
    const { server, log, pid } = await startEmbedded({
      binary: wrapped(`test -e ${join(scratch, "broken")} && exit 7\nexec nats-server "$@"`),
    });
    writeFileSync(join(scratch, "broken"), "");
    process.kill(pid, "SIGKILL");
    await eventually(() => server.state().problem).toBe("it ended (code 7)");
    await eventually(
      () => log.lines.filter(({ message }) => message === "The embedded NATS server still does not run").length,
    ).toBeGreaterThan(1);
    rmSync(join(scratch, "broken"));
    await eventually(() => server.state().isConnected).toBe(true);
    expect(log.messages().filter((message) => !message.includes("is ready") && !message.includes("is back"))).toEqual([
      "The embedded NATS server does not run any more; starting it again",
    ]);
  });

  it("is killed when it has not stopped at the deadline", async () => {
    const { server, pid } = await startEmbedded();
    process.kill(pid, "SIGSTOP");
    const deadline = new AbortController();
    const stopped = server.stop!(deadline.signal);
    expect(isAlive(pid)).toBe(true);
    deadline.abort();
    await stopped;
    expect(isAlive(pid)).toBe(false);
  });

  it("still gets its chance to stop properly when the deadline was over before", async () => {
    // It needs longer than the signals of a stop that does not wait.
    const slow = `nats-server "$@" &\ntrap "sleep 0.1; touch ${join(scratch, "stopped")}; kill $!" TERM\nwait\nwait`;
    const { server } = await startEmbedded({ binary: wrapped(slow) });
    await server.stop!(AbortSignal.abort());
    expect(existsSync(join(scratch, "stopped"))).toBe(true);
  });

  it("is called as it is told, whatever the name is made of", async () => {
    const serverName = 'odd "\\" $HOME # {ü}\t;';
    const { url } = await startEmbedded({ serverName });
    expect((await natsClient(url)).info?.server_name).toBe(serverName);
  });

  it("has a name that stays the same from one start to the next", async () => {
    const listen = await listenOnFreePort();
    const names = [];
    for (let i = 0; i < 2; i++) {
      const { server, url } = await startEmbedded({ listen });
      names.push((await natsClient(url)).info?.server_name);
      await server.stop!(AbortSignal.timeout(5_000));
    }
    expect(names[0]).toMatch(new RegExp(`^[\\w-]+-${listen.port}$`));
    expect(names[1]).toBe(names[0]);
  });

  it("takes the largest message that it is told", async () => {
    const { url } = await startEmbedded({ maxPayloadBytes: 4_096 });
    expect((await natsClient(url)).info?.max_payload).toBe(4_096);
  });

  it("is called on loopback when it listens on all addresses", async () => {
    const { url } = await startEmbedded({ listen: { ...(await listenOnFreePort()), host: "0.0.0.0" } });
    await (await natsClient(url)).flush();
  });
});

describe("JetStream of an embedded server", () => {
  it("keeps what it has in a directory of its own from one start to the next", async () => {
    const options = { jetStream: { ...jetStream, storeDir: join(scratch, "store") } };
    const before = await startEmbedded(options);
    const client = await natsClient(before.url);
    await (await jetstreamManager(client)).streams.add({ name: "kept", subjects: ["kept"] });
    await jetstream(client).publish("kept", "one");
    await before.server.stop!(AbortSignal.timeout(5_000));
    const after = await startEmbedded(options);
    const { streams } = await jetstreamManager(await natsClient(after.url));
    expect((await streams.info("kept")).state.messages).toBe(1);
  });

  it(
    "waits for a leader in a cluster, no longer than it is told, and goes on waiting in the background",
    { timeout: 240_000 },
    async () => {
      const listens = [await listenOnFreePort(), await listenOnFreePort(), await listenOnFreePort()];
      const routes = listens.map(({ port }) => `nats://127.0.0.1:${port}`);
      const member = (index: number, readyTimeoutMs: number): ReturnType<typeof startEmbedded> =>
        startEmbedded({
          serverName: `member-${index}`,
          jetStream: { storeDir: undefined, readyTimeoutMs },
          cluster: { name: "cable", listen: listens[index]!, routes },
        });
      const first = await member(0, 500);
      await eventually(() => first.server.state()).toMatchObject({ isConnected: false, problem: "JetStream has no leader" });
      expect(first.log.messages()).toContain("The embedded NATS server is not ready yet; going on without it");
      const others = await Promise.all([member(1, 60_000), member(2, 60_000)]);
      for (const { server } of others) expect(server.state().isConnected).toBe(true);
      await eventually(() => first.server.state().isConnected, 40_000).toBe(true);
      const { streams } = await jetstreamManager(await natsClient(first.url));
      const kept = await vi.waitFor(() => streams.add({ name: "kept", subjects: ["kept"], num_replicas: 3 }), {
        timeout: 60_000,
        interval: 50,
      });
      expect(kept.cluster?.replicas).toHaveLength(2);
    },
  );
});

describe("embedded servers among others", () => {
  async function pass(from: string, to: string): Promise<void> {
    const heard = heardBy(await natsClient(to));
    const sender = await natsClient(from);
    // Until the two have heard of each other.
    await expect
      .poll(
        () => {
          sender.publish("news", "hello");
          return heard;
        },
        { timeout: 20_000, interval: 50 },
      )
      .toContain("hello");
  }

  it("pass messages on along routes, to those alone that have the password", async () => {
    const login = { user: "node", password: "p@ss" };
    const clusterOf = async (): Promise<ClusterOptions> => ({ name: "cable", listen: await listenOnFreePort(login), routes: [] });
    const cluster = await clusterOf();
    const routeWith = (password: string): string => `nats-route://node:${password}@127.0.0.1:${cluster.listen.port}`;
    const one = await startEmbedded({ cluster });
    const two = await startEmbedded({ cluster: { ...(await clusterOf()), routes: [routeWith("p%40ss")] } });
    await pass(one.url, two.url);
    expect(one.log.lines.find(({ fields }) => String(fields["line"]).includes("Route connection created"))?.level).toBe("info");
    const stranger = await startEmbedded({ cluster: { ...(await clusterOf()), routes: [routeWith("wrong")] } });
    await eventually(() => one.log.lines.map(({ fields }) => fields["line"])).toContainEqual(
      expect.stringContaining("authentication error"),
    );
    expect(stranger.server.state().isConnected).toBe(true);
  });

  it("pass messages on from cluster to cluster through gateways", async () => {
    const [east, west] = [await listenOnFreePort(), await listenOnFreePort()];
    const remotes = [
      { name: "east", urls: [`nats://127.0.0.1:${east.port}`] },
      { name: "west", urls: ["nats://127.0.0.1:1", `nats://127.0.0.1:${west.port}`] },
    ];
    const one = await startEmbedded({ gateway: { name: "east", listen: east, advertise: `localhost:${east.port}`, remotes } });
    const two = await startEmbedded({ gateway: { name: "west", listen: west, advertise: undefined, remotes } });
    await pass(one.url, two.url);
    await pass(two.url, one.url);
    const advertised = `Advertise address for gateway "east" is set to localhost:${east.port}`;
    expect(one.log.lines.map(({ fields }) => fields["line"])).toContain(advertised);
  });
});

describe("a login", () => {
  it.each([
    ["a user and a password", { user: "cable", password: "s3#cr/t" }, { user: "cable", pass: "s3#cr/t" }],
    ["a token", { token: "t0k$en" }, { token: "t0k$en" }],
  ])("with %s is asked of every client", async (_, login, right) => {
    const { server, url } = await startEmbedded({ listen: await listenOnFreePort(login) });
    expect(server.state().isConnected).toBe(true);
    await expect(natsClient(url)).rejects.toThrow("Authorization Violation");
    await (await natsClient(url, right)).flush();
  });

  it("stands in no log line, on no command line, and in no file that others can read", async () => {
    const secrets = ["s3rvice", "cl&ster", "r0ute", "gatew4y", "r3mote"] as const;
    const listenWith = (password: string): Promise<NatsListen> => listenOnFreePort({ user: "me", password });
    const urlWith = (secret: string): string => `nats://me:${encodeURIComponent(secret)}@127.0.0.1:1`;
    const { server, url, log, commandLine, folder } = await startEmbedded({
      listen: await listenWith(secrets[0]),
      cluster: { name: "cable", listen: await listenWith(secrets[1]), routes: [urlWith(secrets[2])] },
      gateway: {
        name: "cable",
        listen: await listenWith(secrets[3]),
        advertise: undefined,
        remotes: [{ name: "other", urls: [urlWith(secrets[4])] }],
      },
      isDebug: true,
      isTrace: true,
    });
    const client = await natsClient(url, { user: "me", pass: secrets[0] });
    client.publish("news", `what ${secrets[0]} and ${encodeURIComponent(secrets[1])} and ${secrets[2]} and ${secrets[4]} are`);
    await client.flush();
    await eventually(() => log.lines.map(({ fields }) => fields["line"])).toContainEqual(
      expect.stringContaining("what [password] and [password] and [password] and [password] are"),
    );
    const told = [commandLine, JSON.stringify(log.lines), JSON.stringify(server.state())].join("\n");
    for (const secret of secrets) expect(told).not.toMatch(new RegExp(`${secret}|${encodeURIComponent(secret)}`));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "nats-server.conf")).mode & 0o777).toBe(0o600);
  });
});

describe("what the server says", () => {
  it("has our levels, and is quiet about its start", async () => {
    const { url, log } = await startEmbedded({ isDebug: true, jetStream, maxPayloadBytes: 9 * 1024 * 1024 });
    await (await natsClient(url)).close();
    const levelOf = (text: RegExp): string | undefined => log.lines.find(({ fields }) => text.test(String(fields["line"])))?.level;
    await eventually(() => levelOf(/Client connection created/)).toBe("debug");
    expect(levelOf(/Starting nats-server/)).toBe("debug");
    expect(levelOf(/Maximum payloads over/)).toBe("warn");
    expect(log.lines.find(({ fields }) => /Maximum payloads over/.test(String(fields["line"])))).toMatchObject({
      message: "The embedded NATS server warns",
      fields: { address: url.replace("nats://", "") },
    });
  });
});

describe("a start that can't work", () => {
  it.each(["nats-server-that-is-nowhere", "/nowhere/nats-server"])("says what to install when there is no %s", async (binary) => {
    const { server } = await embed({ binary });
    await expect(server.start!()).rejects.toMatchObject({
      code: "config.missing_program",
      message: expect.stringMatching(
        new RegExp(`${JSON.stringify(binary)}.*apt-get install nats-server.*brew install nats-server.*nats_servers`),
      ) as string,
    });
  });

  it.each([
    ["enats_addr", (listen: NatsListen) => ({ listen })],
    ["enats_cluster", (listen: NatsListen) => ({ cluster: { name: "cable", listen, routes: ["nats://127.0.0.1:1"] } })],
    ["enats_gateway", (listen: NatsListen) => ({ gateway: { name: "cable", listen, advertise: undefined, remotes: [] } })],
  ])("names %s when its port is taken, and does not touch the store", async (option, withListen) => {
    const listen = await listenOnFreePort();
    const holder = createServer().listen(listen.port, "127.0.0.1");
    await once(holder, "listening");
    const storeDir = join(scratch, "store");
    const { server } = await embed({ jetStream: { ...jetStream, storeDir }, ...withListen(listen) });
    await expect(server.start!()).rejects.toMatchObject({
      code: "listener.unavailable",
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${listen.port}: another process has it.*${option}`)) as string,
    });
    expect(existsSync(storeDir)).toBe(false);
    holder.close();
  });

  it("names an address that is not one of this machine", async () => {
    const { server } = await embed({ listen: { host: "192.0.2.1", port: 4222 } });
    await expect(server.start!()).rejects.toMatchObject({
      code: "listener.unavailable",
      message: expect.stringMatching(/192\.0\.2\.1:4222: the address is not one of this machine .*enats_addr/) as string,
    });
  });

  it("waits for a port that is about to become free", async () => {
    const listen = await listenOnFreePort();
    const holder = createServer().listen(listen.port, "127.0.0.1");
    await once(holder, "listening");
    const { server } = await embed({ listen });
    const started = server.start!();
    await new Promise((resolve) => setImmediate(resolve));
    holder.close();
    await started;
    expect(server.state().isConnected).toBe(true);
  });

  it("repeats the server's last words", async () => {
    writeFileSync(join(scratch, "file"), "");
    const { server } = await embed({ jetStream: { ...jetStream, storeDir: join(scratch, "file") } });
    await expect(server.start!()).rejects.toMatchObject({
      code: "nats.embedded_failed",
      message: expect.stringMatching(/ended at its start \(code 1\): .*not a directory/) as string,
    });
  });

  it("refuses a cluster with JetStream that nobody could ever join", async () => {
    const cluster = { name: "cable", listen: await listenOnFreePort(), routes: [] };
    await expect(embed({ jetStream, cluster })).rejects.toMatchObject({
      code: "config.invalid_value",
      message: expect.stringContaining("enats_cluster_routes is empty") as string,
    });
  });
});
