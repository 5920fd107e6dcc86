import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { normalFlag, optionByFlag } from "../../src/config/schema.ts";
import { anycableFlags, anycableProFlags } from "../fixtures/config/anycable-flags.ts";
import { load, loadToml } from "../fixtures/config/load.ts";

function printed(name: string): string {
  return readFileSync(new URL(`../fixtures/config/${name}.toml`, import.meta.url), "utf8");
}

describe("flags of AnyCable", () => {
  it.each([...anycableFlags, ...anycableProFlags])("knows --%s", (flag) => {
    expect(optionByFlag.get(normalFlag(flag))?.isOwn).toBeUndefined();
    expect(optionByFlag.has(normalFlag(flag))).toBe(true);
  });

  it("are all of them", () => {
    expect(anycableFlags).toHaveLength(140);
    // 23, one of them with a second, misspelt name.
    expect(anycableProFlags).toHaveLength(24);
  });
});

describe("what AnyCable's --print-config says", () => {
  it("is the same configuration as none, when nothing was set", () => {
    const { config, warnings, notes } = loadToml(printed("anycable-default"));
    const { config: ours } = load({});
    // The file names a Redis, as if somebody had asked for it.
    expect(config).toEqual({ ...ours, redis: { ...ours.redis, isRequired: true } });
    expect([...warnings, ...notes]).toEqual([]);
  });

  it("loads with many options set", () => {
    const { config, warnings, notes } = loadToml(printed("anycable-many"));
    expect(config).toMatchObject({
      server: {
        host: "0.0.0.0",
        port: 3334,
        allowedOrigins: ["*.example.io", "example.com:3000"],
        maxConnections: 10,
        isAuthSkipped: true,
        shutdownTimeoutMs: 10_000,
        nodeId: "n1",
      },
      broadcast: { adapters: ["redis", "http"], http: { listen: "main", path: "/pub", key: "bk", cors: true }, redisChannel: "ch" },
      redis: { url: "redis://:pw@cache:6380/2", tls: { verify: true }, isRequired: true },
      rpc: {
        implementation: "grpc",
        host: "dns:///rpc:50051",
        concurrency: 60,
        requestTimeoutMs: 500,
        commandTimeoutMs: 4000,
        proxyHeaders: ["cookie", "x-api"],
        proxyCookies: ["a", "b"],
        tls: { verify: true },
        maxReceiveBytes: 1000,
        maxSendBytes: 2000,
      },
      disconnect: { mode: "always", ratePerSecond: 50, backlog: 100 },
      websocket: { paths: ["/cable", "/ws"], maxMessageBytes: 1024, writeTimeoutMs: 3000, maxPendingBytes: 5000 },
      pings: { intervalMs: 5000, timestampPrecision: "ms", pongTimeoutMs: 6000 },
      auth: { jwt: { param: "token", isEnforced: false, secrets: ["qwerty"] } },
      streams: { isPublic: true, secrets: ["qwerty"], turbo: undefined },
      logging: { level: "warn", format: "json" },
      metrics: { httpPath: "/metrics", listen: { host: "127.0.0.1", port: 9464 }, tags: { dc: "eu", env: "prod" } },
    });
    expect(config).toMatchObject({
      broker: { adapter: "none", historyLimit: 50, historyTtlMs: 60_000, sessionsTtlMs: 0, presenceTtlMs: 20_000 },
      pubsub: { adapter: "redis" },
      api: { listen: "main", path: "/a" },
      nats: { servers: ["nats://n:4222"], isRequired: false },
      embeddedNats: undefined,
    });
    expect(warnings).toEqual([expect.stringContaining("redis_tls_verify: without effect")]);
    expect(notes).toEqual([
      expect.stringMatching(/^These options have no effect here: .*hub_gopool_size.*redis_disable_cache.*read_buffer_size/u),
      expect.stringMatching(/^These options belong to parts that are not built yet.*sse_path.*ds_path/u),
    ]);
  });

  it("loads with NATS inside, broker and API", () => {
    const { config, warnings, notes } = loadToml(printed("anycable-nats"));
    expect(config).toMatchObject({
      broadcast: { adapters: ["http", "redisx", "nats"], redisx: { stream: "s1", group: "g1", readBlockMs: 2000 }, natsChannel: "nc" },
      api: { listen: { host: "localhost", port: 9003 }, path: "/v1", key: "ak", corsOrigins: undefined },
      pubsub: { adapter: "nats", redisChannel: "__anycable_internal__", natsChannel: "__anycable_internal__" },
      broker: { adapter: "nats", historyLimit: 50, historyTtlMs: 300_000, sessionsTtlMs: 300_000, presenceTtlMs: 15_000 },
      nats: { servers: ["nats://127.0.0.1:4242"], isRandomized: false, isRequired: true },
      embeddedNats: {
        serverName: "n1",
        listen: { host: "0.0.0.0", port: 4242 },
        cluster: { name: "c1", listen: { host: "0.0.0.0", port: 5222 }, routes: ["nats://a:5222", "nats://b:5222"] },
        gateway: {
          listen: { host: "0.0.0.0", port: 7222 },
          advertise: "h:7222",
          remotes: [
            { name: "x", urls: ["nats://x1:7222", "nats://x2:7222"] },
            { name: "y", urls: ["nats://y:7222"] },
          ],
        },
        jetStream: { storeDir: "/data", readyTimeoutMs: 30_000 },
        maxPayloadBytes: 2048,
        isDebug: true,
        isTrace: true,
      },
    });
    expect(warnings).toEqual([expect.stringMatching(/^What comes by nats \(broadcast_adapter\)/u)]);
    expect(notes).toEqual([]);
  });

  it("is no reason to refuse the secret that AnyCable copies into parts that are not built", () => {
    const { config, notes } = loadToml(
      'secret = "qwerty"\n[jwt]\nsecret = "qwerty"\n[streams]\nsecret = "qwerty"\n[pusher]\nsecret = "qwerty"\n',
    );
    expect(config.broadcast.http.key).toBeDefined();
    expect(notes).toEqual([]);
  });

  it("may hold the key for broadcasts under its old name alone", () => {
    const { config } = loadToml('secret = "none"\nbroadcast_key = "none"\n[http_broadcast]\nport = 8080\nsecret = "old"\n');
    expect(config.broadcast.http).toMatchObject({ key: "old", listen: "main" });
  });

  it("may name Redis for pub/sub, which AnyCable chooses by itself", () => {
    const { config } = loadToml('pubsub_adapter = "redis"\n[redis]\nurl = "redis://cache"\n');
    expect(config).toEqual(loadToml('[redis]\nurl = "redis://cache"\n').config);
    expect(config.pubsub.adapter).toBe("redis");
  });

  it("names the metrics' path as AnyCable prints it, and as it reads it", () => {
    expect(loadToml('[metrics]\nhttp = "/m"\n').config.metrics.httpPath).toBe("/m");
    expect(loadToml('[metrics]\nhttp_path = "/m"\n').config.metrics.httpPath).toBe("/m");
  });

  it("does not look at the case of keys, as AnyCable's parser does not", () => {
    expect(loadToml("[Server]\nPort = 9001\n[disconnector]\nRate = 7\n").config).toMatchObject({
      server: { port: 9001 },
      disconnect: { ratePerSecond: 7 },
    });
  });
});

describe("where AnyCable's configuration goes wrong", () => {
  it("paths and headers of the file are not overwritten by the defaults of the flags", () => {
    const { config } = loadToml('[ws]\npaths = ["/ws"]\n[rpc]\nproxy_headers = ["x-token"]\n');
    expect(config.websocket.paths).toEqual(["/ws"]);
    expect(config.rpc.proxyHeaders).toEqual(["x-token"]);
  });

  it("ws_max_pending_size has a variable, and the file's value stands", () => {
    expect(load({ env: { ANYCABLE_WS_MAX_PENDING_SIZE: "5000" } }).config.websocket.maxPendingBytes).toBe(5000);
    expect(loadToml("[ws]\nmax_pending_size = 6000\n").config.websocket.maxPendingBytes).toBe(6000);
  });

  it("enable_native_ping means what it says", () => {
    expect(loadToml("[app]\nenable_native_ping = true\n").config.pings.isNative).toBe(true);
    expect(loadToml("[app]\nenable_native_ping = false\n").config.pings.isNative).toBe(false);
  });

  it("the secret `none` is no secret to derive keys from", () => {
    const { config } = load({ argv: ["--secret=none"] });
    expect(config.broadcast.http).toMatchObject({ key: undefined, listen: { host: "localhost", port: 8090 } });
  });

  it("a trailing comma is no item", () => {
    expect(load({ argv: ["--allowed_origins=example.io,, ", "--path=/cable,"] }).config).toMatchObject({
      server: { allowedOrigins: ["example.io"] },
      websocket: { paths: ["/cable"] },
    });
  });

  it("a rate above 1000, and 0, are rates", () => {
    expect(load({ argv: ["--disconnect_rate=5000"] }).config.disconnect.ratePerSecond).toBe(5000);
    expect(load({ argv: ["--disconnect_rate=0"] }).config.disconnect.ratePerSecond).toBe(0);
  });
});
