import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { redisPubsubBroadcaster } from "../../src/broadcasters/redis-pubsub.ts";
import type { CableError } from "../../src/errors.ts";
import { silentLogger } from "../../src/logger.ts";
import { redisPublish } from "../support/redis-client.ts";
import { impatientClock, listenTo, redisDefaults, stopListening } from "../support/redis-listening.ts";
import { redisPem, startRedis, type RedisServer } from "../support/redis-server.ts";

const selfSigned = { certFile: redisPem("redis-cert.pem"), keyFile: redisPem("redis-key.pem") };
const signed = { certFile: redisPem("redis-server.pem"), keyFile: redisPem("redis-server-key.pem") };
const ca = redisPem("redis-ca.pem");
const client = { certPath: redisPem("redis-client.pem"), keyPath: redisPem("redis-client-key.pem") };
const stranger = { certPath: redisPem("redis-stranger.pem"), keyPath: redisPem("redis-stranger-key.pem") };

stopListening();

describe("the server's certificate", () => {
  let server: RedisServer;
  let url: string;
  beforeAll(async () => {
    server = await startRedis({ tls: selfSigned });
    url = `rediss://127.0.0.1:${server.port}`;
  });
  afterAll(() => server.kill());

  it("is not checked unless that is asked for", async () => {
    const listening = await listenTo({ url });
    await listening.connected();
    await listening.hears(url, "encrypted");
  });

  it.each([
    ["without an authority of our own", undefined],
    ["with another authority", ca],
  ])("is refused %s, and readiness is told why", async (_how, caPath) => {
    const listening = await listenTo({ url, tls: { verify: true, caPath } });
    await listening.complained(/self-signed certificate.*redis_tls_ca_cert_path/);
    expect(listening.state).toMatchObject({ isConnected: false, problem: expect.stringContaining("self-signed certificate") });
    expect(listening.log.messages()).toEqual(["Redis can't be reached; trying on"]);
  });

  it("is good when the authority signed it, by name or by address", async () => {
    for (const host of ["localhost", "127.0.0.1"]) {
      const listening = await listenTo({ url: `rediss://${host}:${server.port}`, tls: { verify: true, caPath: selfSigned.certFile } });
      await listening.connected();
      await listening.hears(url, "verified");
    }
  });

  it("has to name the server, or another one of those in redis_url", async () => {
    const elsewhere = await startRedis({
      tls: { certFile: redisPem("redis-elsewhere.pem"), keyFile: redisPem("redis-elsewhere-key.pem") },
    });
    try {
      const own = `rediss://127.0.0.1:${elsewhere.port}`;
      const refusing = await listenTo({ url: own, tls: { verify: true, caPath: ca } });
      await refusing.complained(/IP.*redis_url has to name the server as its certificate does/);
      const trusting = await listenTo({ url: `${own},rediss://redis.example`, tls: { verify: true, caPath: ca } }, { random: () => 0 });
      await trusting.connected();
    } finally {
      await elsewhere.kill();
    }
  });
});

describe("a client certificate", () => {
  let server: RedisServer;
  let url: string;
  let folder: string;
  const files = (): { readonly caPath: string; readonly certPath: string; readonly keyPath: string } => ({
    caPath: join(folder, "ca.pem"),
    certPath: join(folder, "cert.pem"),
    keyPath: join(folder, "key.pem"),
  });
  const put = (from: { readonly certPath: string; readonly keyPath: string }, caPath: string): void => {
    copyFileSync(caPath, files().caPath);
    copyFileSync(from.certPath, files().certPath);
    copyFileSync(from.keyPath, files().keyPath);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ropeway-redis-tls-"));
    server = await startRedis({ tls: { ...signed, clientCaFile: ca } });
    url = `rediss://localhost:${server.port}`;
  });
  afterAll(async () => {
    await server.kill();
    rmSync(folder, { recursive: true });
  });

  it("is shown to a server that wants one", async () => {
    const listening = await listenTo({ url, tls: { verify: true, caPath: ca, ...client } });
    await listening.connected();
  });

  it.each([
    ["missing", {}, /wants a client certificate: redis_tls_client_cert_path/],
    ["signed by nobody that the server knows", stranger, /does not accept the certificate of redis_tls_client_cert_path/],
  ])("is asked for when it is %s", async (_how, own, about) => {
    const listening = await listenTo({ url, tls: own });
    await listening.complained(about);
    expect(listening.state).toMatchObject({ isConnected: false, problem: expect.stringMatching(about) });
  });

  it("is read again for each connection, and so are the others, also when they are wrong for a while", async () => {
    put(stranger, selfSigned.certFile);
    const listening = await listenTo({ url, tls: { verify: true, ...files() } }, { clock: impatientClock() });
    await listening.complained(/self-signed|unable to|not trusted/i);
    copyFileSync(ca, files().caPath);
    await listening.complained(/does not accept the certificate/);
    // One of the two is written first.
    copyFileSync(client.certPath, files().certPath);
    await listening.complained(/don't go together/);
    rmSync(files().keyPath);
    await listening.complained(/redis_tls_client_key_path: ENOENT/);
    put(client, ca);
    await listening.connected();
    // Both sides get new ones: the connection that there is goes on, the next one uses them.
    put(stranger, selfSigned.certFile);
    expect(listening.state.isConnected).toBe(true);
    await server.restart({ tls: { ...selfSigned, clientCaFile: stranger.certPath } });
    await listening.away();
    await listening.connected();
    await server.restart({ tls: selfSigned });
    await listening.away();
    await listening.connected();
    await redisPublish(`rediss://localhost:${server.port}`, "renewed");
    await expect.poll(() => listening.bodies).toEqual(["renewed"]);
  });
});

describe("a server without TLS", () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  it("is told from one that is away", async () => {
    // What Redis answers as soon as there is a line end in what it takes for a command.
    const server = createServer(
      (socket) => void socket.on("error", () => {}).on("data", () => socket.end("-ERR Protocol error: unbalanced quotes in request\r\n")),
    );
    server.listen(0, "127.0.0.1");
    cleanups.push(() => void server.close());
    await once(server, "listening");
    const listening = await listenTo({ url: `rediss://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await listening.complained(/it does not speak TLS there; redis:\/\/ is without/);
  });
});

describe("files that can't be used from the beginning", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ropeway-redis-tls-"));
    writeFileSync(join(folder, "text.pem"), "nothing of use, and s3cret\n");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ["config.unreadable_file", { caPath: "/nowhere/ca.pem" }, /redis_tls_ca_cert_path: .*ENOENT.*\/nowhere\/ca\.pem/],
    ["config.unreadable_file", { certPath: "/nowhere/cert.pem", keyPath: client.keyPath }, /redis_tls_client_cert_path/],
    ["config.invalid_value", { caPath: "text.pem" }, /redis_tls_ca_cert_path: .* holds no certificate/],
    [
      "config.invalid_value",
      { certPath: client.certPath, keyPath: "text.pem" },
      /redis_tls_client_cert_path and redis_tls_client_key_path/,
    ],
    ["config.invalid_value", { certPath: client.certPath, keyPath: stranger.keyPath }, /don't go together/],
  ] as const)("end the start with %s: %j", (code, tls, about) => {
    const inFolder = Object.fromEntries(Object.entries(tls).map(([name, path]) => [name, path === "text.pem" ? join(folder, path) : path]));
    let thrown: CableError | undefined;
    try {
      redisPubsubBroadcaster({ ...redisDefaults, logger: silentLogger, redis: { url: "rediss://x", tls: inFolder } });
    } catch (error) {
      thrown = error as CableError;
    }
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(about) });
    expect(thrown!.message).not.toContain("s3cret");
  });
});
