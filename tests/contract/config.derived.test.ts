import { describe, expect, it } from "vitest";
import { readConfigText } from "../../src/config/file.ts";
import { load } from "../fixtures/config/load.ts";

function configOf(...argv: readonly string[]): ReturnType<typeof load>["config"] {
  return load({ argv }).config;
}

describe("the key for broadcasts", () => {
  it("is the one given, else follows from the secret, else there is none", () => {
    expect(configOf("--broadcast_key=a", "--secret=qwerty").broadcast.http.key).toBe("a");
    // HMAC-SHA256 of "broadcast-cable" with the key "qwerty", by another implementation.
    expect(configOf("--secret=qwerty").broadcast.http.key).toBe("42923a28b760e667fc92f7c6123bb07a282822b329dd2ef48e7aee7830d98485");
    expect(configOf().broadcast.http.key).toBeUndefined();
    expect(configOf("--broadcast_key=none", "--secret=qwerty").broadcast.http.key).toBeUndefined();
    expect(configOf("--public", "--broadcast_key=a").broadcast.http.key).toBeUndefined();
  });

  it("decides the port, unless that is given", () => {
    const own = { host: "localhost", port: 8090 };
    expect(configOf().broadcast.http.listen).toEqual(own);
    expect(configOf("--secret=x").broadcast.http.listen).toBe("main");
    expect(configOf("--broadcast_key=x").broadcast.http.listen).toBe("main");
    expect(configOf("--secret=x", "--public").broadcast.http.listen).toEqual(own);
    expect(configOf("--secret=x", "--http_broadcast_port=8090").broadcast.http.listen).toEqual(own);
    expect(configOf("--http_broadcast_port=8080").broadcast.http.listen).toBe("main");
    expect(configOf("--port=0", "--secret=x").broadcast.http.listen).toBe("main");
    expect(configOf("--host=::").broadcast.http.listen).toEqual({ host: "::", port: 8090 });
  });

  it("is missed on the main port, with a warning", () => {
    const warnings = (...argv: readonly string[]): readonly string[] => load({ argv }).warnings;
    expect(warnings("--http_broadcast_port=8080")).toEqual([expect.stringContaining("on the main port without a key")]);
    expect(warnings("--http_broadcast_port=8080", "--secret=x")).toEqual([]);
    expect(warnings("--http_broadcast_port=8080", "--broadcast_adapter=redis")).toEqual([]);
  });
});

describe("metrics", () => {
  it("are on the main port unless port or host are others", () => {
    expect(configOf("--metrics_http=/m").metrics).toMatchObject({ httpPath: "/m", listen: "main" });
    expect(configOf("--metrics_port=8080", "--metrics_host=localhost").metrics.listen).toBe("main");
    expect(configOf("--metrics_port=9464").metrics.listen).toEqual({ host: "localhost", port: 9464 });
    expect(configOf("--metrics_host=127.0.0.1").metrics.listen).toEqual({ host: "127.0.0.1", port: 8080 });
  });

  it.each([
    ["stats:9125", "stats", 9125],
    ["stats", "stats", 8125],
    ["10.0.0.1:8125", "10.0.0.1", 8125],
    ["[::1]:9125", "::1", 9125],
  ])("are sent to StatsD at %s", (given, host, port) => {
    expect(configOf(`--statsd_host=${given}`).metrics.statsd).toEqual({
      host,
      port,
      prefix: "anycable_go.",
      maxPacketBytes: 1400,
      tagsFormat: "datadog",
    });
  });

  it("are printed and sent every 15 s, also by the old name of the interval", () => {
    expect(configOf().metrics.rotateIntervalMs).toBe(15_000);
    expect(configOf("--metrics_log_interval=5").metrics).toMatchObject({ rotateIntervalMs: 5_000, log: undefined });
  });
});

describe("public", () => {
  it("implies noauth and public streams, and warns", () => {
    const { config, warnings } = load({ argv: ["--public"] });
    expect(config).toMatchObject({ server: { isPublic: true, isAuthSkipped: true }, streams: { isPublic: true } });
    expect(warnings).toEqual([expect.stringMatching(/^public is on: /u)]);
    expect(configOf("--noauth")).toMatchObject({ server: { isPublic: false, isAuthSkipped: true }, streams: { isPublic: false } });
  });
});

describe("addresses", () => {
  it.each([
    "localhost:50051",
    "dns:///rpc.internal:50051",
    "grpc-list://10.0.0.1:1,rpc-2:2",
    "[::1]:50051",
    "unix:/run/rpc.sock",
    "ipv4:127.0.0.1:1",
  ])("rpc_host %s is one", (host) => {
    const { config, warnings } = load({ argv: [`--rpc_host=${host}`] });
    expect(config.rpc.host).toBe(host);
    expect(warnings).toEqual([]);
  });

  it.each(["localhost", "dns:///rpc.internal", "grpc-list://a,b:1", "::1", "[::1]"])(
    "rpc_host %s is called at 443, with a warning",
    (host) => {
      expect(load({ argv: [`--rpc_host=${host}`] }).warnings).toEqual(["--rpc_host has no port, so calls go to port 443"]);
    },
  );

  it.each([
    "ftp://x:1",
    "grpc://x:1",
    "dns://x:1",
    "localhost:0",
    "localhost:65536",
    "local host:1",
    "localhost:",
    "a/b:1",
    "grpc-list://",
    "grpc-list://a:1,b:x",
  ])("rpc_host %s is none", (host) => {
    expect(() => load({ argv: [`--rpc_host=${host}`] })).toThrow(/^--rpc_host (?:has|names) /u);
  });
});

describe("warnings", () => {
  it("say that an adaptive limit is not built", () => {
    const { config, warnings } = load({ argv: ["--rpc_concurrency=0"] });
    expect(config.rpc.concurrency).toBe(28);
    expect(warnings).toEqual([expect.stringContaining("rpc_concurrency is 28 instead of 0")]);
  });
});

describe("the configuration", () => {
  it("can't be changed, nor can the defaults through it", () => {
    const { config } = load({ files: { "/app/ropeway.toml": "[metrics.tags]\nenv = 'x'\n" } });
    const parts = (value: unknown): readonly unknown[] =>
      typeof value === "object" && value !== null ? [value, ...Object.values(value).flatMap(parts)] : [];
    for (const part of parts(config)) expect(Object.isFrozen(part)).toBe(true);
  });

  it("without RPC has no TLS to set up, and no address to check", () => {
    expect(configOf("--norpc", "--rpc_host=???", "--rpc_tls_root_ca=/none").rpc).toMatchObject({ implementation: "none", tls: undefined });
  });

  it("takes the root certificate as text too", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    expect(load({ env: { ANYCABLE_RPC_TLS_ROOT_CA: pem } }).config.rpc.tls?.rootCa).toBe(pem);
  });
});

it("a layer knows where each of its values stands", () => {
  expect([...readConfigText("[server]\nport = 1\n", "x.toml")]).toEqual([
    ["port", { value: 1, source: "file", origin: "server.port in x.toml" }],
  ]);
});
