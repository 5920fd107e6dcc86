import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkConfig, type ConfigReport } from "../../src/config/check.ts";

function report(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ConfigReport {
  return checkConfig({ argv, env, cwd: "/app", readFile: () => undefined, findProgram: () => "/usr/bin/nats-server" }).report;
}

const secret = "correct-horse-battery-staple";

describe("a check of the configuration", () => {
  it.each([
    ["public", ["--public"], {}],
    ["noauth", ["--noauth"], {}],
    ["public_streams", ["--public_streams"], {}],
    ["broadcast_key", ["--host=0.0.0.0"], {}],
    ["rpc_tls_verify", ["--rpc_enable_tls", "--rpc_tls_verify=false"], {}],
    ["redis_tls_verify", [], { REDIS_URL: "rediss://cache" }],
    ["redis_tls_verify", ["--redis_tls_verify=false"], { REDIS_URL: "rediss://cache" }],
    ["redis_tls_verify", ["--broker=redis", "--broadcast_adapter=http", "--pubsub=none"], { REDIS_URL: "rediss://cache" }],
    ["redis_prefix", ["--broadcast_adapter=http"], { REDIS_URL: "redis://cache/2" }],
    ["api_secret", ["--host=0.0.0.0", "--broadcast_adapter=redis", "--api_port=9003"], {}],
    ["api_secret", [], { ANYCABLE_API_SECRET: "short" }],
    ["enats_addr", ["--embed_nats", "--enats_addr=nats://0.0.0.0:4222"], {}],
    ["enats_cluster", ["--embed_nats", "--enats_cluster=nats://[::]:5222"], {}],
    ["enats_gateway", ["--embed_nats", "--enats_gateway=nats://203.0.113.1:7222"], {}],
    ["allowed_origins", ["--trusted_proxies=private"], {}],
    ["allowed_origins", ["--allowed_origins=*"], {}],
    ["trusted_proxies", ["--trusted_proxies=0.0.0.0/0", "--allowed_origins=a.io"], {}],
    ["http_broadcast_cors", ["--http_broadcast_cors"], {}],
    ["http_rpc_secret", ["--rpc_host=http://app.example.com/_anycable"], {}],
    ["debug", ["--debug"], { RAILS_ENV: "production" }],
    ["log_level", ["--log_level=debug"], { NODE_ENV: "production" }],
    ["secret", [`--secret=${secret}`], {}],
    ["redis_url", ["--redis_url=redis://:pw@cache"], {}],
    ["secret", [], { ANYCABLE_SECRET: "short" }],
    ["metrics_http", ["--host=::", "--metrics_http=/metrics", `--broadcast_adapter=redis`], {}],
  ])("calls %s unsafe: %j %j", (option, flags, env) => {
    const found = report(flags, env as Readonly<Record<string, string>>);
    expect(found.problems).toEqual([]);
    expect(found.unsafe.map((danger) => danger.option)).toEqual([option]);
  });

  it.each([
    [["--host=0.0.0.0"], { ANYCABLE_SECRET: secret }],
    [["--host=0.0.0.0", "--broadcast_adapter=redis"], {}],
    [["--noauth", "--enforce_jwt"], { ANYCABLE_JWT_SECRET: secret }],
    [["--debug"], { RAILS_ENV: "development" }],
    [["--redis_tls_verify"], { REDIS_URL: `rediss://:${secret}@cache` }],
    [["--redis_url=redis://cache:6379", "--rpc_host=rpc:50051", "--secret=none"], {}],
    [["--trusted_proxies=private", "--allowed_origins=*.example.io"], {}],
    [["--host=0.0.0.0", "--api_port=9003"], { ANYCABLE_SECRET: secret }],
    [["--api_port=9003"], {}],
    [["--embed_nats", "--enats_cluster=nats://127.0.0.1:5222"], {}],
    [["--embed_nats"], { ANYCABLE_ENATS_CLUSTER: `nats://u:${secret}@0.0.0.0:5222` }],
    [["--broadcast_adapter=redis"], { FLY_APP_NAME: "a", FLY_ALLOC_ID: "b", FLY_REGION: "c" }],
    [["--broadcast_adapter=http"], { REDIS_URL: "redis://cache/2", ROPEWAY_REDIS_PREFIX: "app1:" }],
    [["--broadcast_adapter=http", "--pubsub=none", "--broker=redis"], { REDIS_URL: "redis://cache/2" }],
  ])("finds nothing unsafe in %j %j", (flags, env) => {
    expect(report(flags, env as Readonly<Record<string, string>>).unsafe).toEqual([]);
  });

  it("names what is set in vain", () => {
    const { idle } = report(["--broadcast_adapter=http", "--norpc", "--headers=cookie", "--redis_channel=x", "--netpoll_enabled=false"]);
    expect(idle).toEqual([
      "These options have no effect here: netpoll_enabled",
      "redis_channel: no effect, because broadcast_adapter has no redis",
      "headers: no effect, because there is no application to ask (norpc, rpc_impl)",
    ]);
  });

  it("calls an API unsafe that pages of any site may call", () => {
    const readFile = (): string => "[api]\ncors_headers = true\n";
    const { unsafe } = checkConfig({
      argv: ["--config-path=x"],
      env: { ANYCABLE_SECRET: secret },
      cwd: "/",
      readFile,
      findProgram: () => undefined,
    }).report;
    expect(unsafe.map(({ option }) => option)).toEqual(["api.cors_headers"]);
  });

  const fly = { FLY_APP_NAME: "a", FLY_ALLOC_ID: "b", FLY_REGION: "c" };

  it.each<[readonly string[], Readonly<Record<string, string>>, readonly string[]]>([
    [["--pubsub=none", "--broadcast_adapter=http"], { REDIS_URL: "redis://cache" }, ["redis_url: no effect, because nothing uses Redis"]],
    [["--redisx_group=g", "--nats_channel=c"], {}, ["redisx_group: no effect, because broadcast_adapter has no redisx", "nats_channel: "]],
    [["--nats_servers=a", "--embed_nats", "--pubsub=none"], {}, ["nats_servers, embed_nats: no effect, because nothing uses NATS"]],
    [[], { ROPEWAY_REDIS_PREFIX: "a", ROPEWAY_NATS_PREFIX: "b" }, ["redis_prefix: no effect", "nats_prefix: no effect"]],
    [
      ["--history_ttl=5", "--sessions_ttl=5", "--presence_ttl=5"],
      {},
      ["history_ttl, sessions_ttl, presence_ttl: no effect, because there is no broker"],
    ],
    [
      ["--broker=memory", "--sessions_ttl=0", "--disconnect_grace=5"],
      {},
      ["disconnect_grace: no effect, because no session can be restored"],
    ],
    [["--api_path=/v1"], {}, ["api_path: no effect, because there is no API"]],
    [["--enats_debug", "--enats_store_dir=/d"], {}, ["enats_store_dir, enats_debug: no effect, because embed_nats is off"]],
    [
      ["--embed_nats", "--enats_cluster_routes=nats://a:5222", "--enats_gateways=x:nats://x:7222", "--enats_store_dir=/d"],
      {},
      [
        "enats_cluster_routes: no effect, because enats_cluster",
        "enats_gateways: no effect, because enats_gateway",
        "enats_store_dir: no effect, because JetStream is off",
      ],
    ],
    [["--broker=nats", "--embed_nats", "--enats_store_dir=/d"], fly, []],
  ])("finds idle in %j %j", (flags, env, expected) => {
    const { idle, problems } = report(flags, env);
    expect(problems).toEqual([]);
    expect(idle).toEqual(expected.map((start) => expect.stringMatching(`^${start.replaceAll(/[()]/gu, ".")}`)));
  });

  it("does not call what AnyCable printed idle, where it is the default", () => {
    const text = readFileSync(new URL("../fixtures/config/anycable-default.toml", import.meta.url), "utf8");
    const { idle } = checkConfig({ argv: [], env: {}, cwd: "/", readFile: () => text, findProgram: () => undefined }).report;
    // It prints the main port for that of the metrics.
    expect(idle).toEqual([expect.stringMatching(/^metrics_port: /u)]);
  });

  it("tells parts that lose something together, and a program that is missing", () => {
    expect(report(["--broker=memory", "--pubsub=nats"]).warnings).toEqual([expect.stringContaining("broker=memory with pubsub=nats")]);
    expect(report(["--api_port=8080"]).warnings).toEqual([expect.stringContaining("asks for the API, which is off")]);
    const { report: missing } = checkConfig({
      argv: ["--embed_nats", "--enats_cluster=x"],
      env: {},
      cwd: "/",
      readFile: () => undefined,
      findProgram: () => undefined,
    });
    expect(missing.problems.map(({ code }) => code).toSorted()).toEqual(["config.invalid_value", "config.missing_program"]);
  });

  it("never tells a secret, however odd", () => {
    const odd = "s3cr3t";
    const secrets = {
      ANYCABLE_SECRET: odd,
      ANYCABLE_BROADCAST_KEY: odd,
      ANYCABLE_JWT_SECRET: odd,
      ROPEWAY_STREAMS_PREVIOUS_SECRETS: `${odd}\n${odd}2`,
      ANYCABLE_HTTP_RPC_SECRET: odd,
      ANYCABLE_REDIS_SENTINELS: `:${odd}@a:26379,:${odd}@b:26379`,
      ANYCABLE_API_SECRET: odd,
      ANYCABLE_EMBED_NATS: "true",
      ANYCABLE_ENATS_ADDR: `nats://u:${odd}@0.0.0.0:4222`,
      ANYCABLE_ENATS_CLUSTER: `nats://u:${odd}@0.0.0.0:5222`,
      ANYCABLE_ENATS_CLUSTER_ROUTES: `nats://u:${odd}@a:5222,nats://u:${odd}@b:5222`,
      ANYCABLE_ENATS_GATEWAYS: `x:nats://u:${odd}@a:7222;y:nats://u:${odd}@b:7222`,
      ANYCABLE_PUBSUB: "nats",
      ANYCABLE_NATS_SERVERS: `nats://u:${odd}@a:4222`,
    };
    const addresses = [
      `redis://:${odd}@cache`,
      `redis://u:a,${odd}@cache`,
      `redis://u:/${odd}@x@cache`,
      `redis://u:?${odd}@x@cache`,
      `redis://:${odd}`,
      `redis:${odd}`,
      `redis://cache?password=${odd}`,
      `http://u:${odd}@app/_anycable`,
      `https://app/x?token=${odd}`,
      `app:${odd}`,
    ];
    for (const address of addresses) {
      for (const variable of ["REDIS_URL", "ANYCABLE_RPC_HOST"]) {
        const { problems, ...rest } = report([], { ...secrets, [variable]: address });
        expect(JSON.stringify(rest), address).not.toContain(odd);
        expect(rest.options.find(({ name }) => name === "secret")?.value).toBe("(hidden)");
        expect(problems.length).toBeLessThan(3);
      }
    }
  });

  it("shows what is not secret of an address", () => {
    const shown = (env: Readonly<Record<string, string>>, name: string): string | undefined =>
      report([], env).options.find((option) => option.name === name)?.value;
    expect(shown({ REDIS_URL: "rediss://me:pw@cache.example.com:6380/2" }, "redis_url")).toBe("rediss://***@cache.example.com:6380/2");
    expect(shown({ REDIS_URL: "redis://a:1,redis://b:2" }, "redis_url")).toBe("redis://a:1,redis://b:2");
    expect(shown({ REDIS_URL: "unix:///run/redis.sock" }, "redis_url")).toBe("unix:///run/redis.sock");
    expect(shown({ ANYCABLE_RPC_HOST: "grpc-list://a:1,b:2" }, "rpc_host")).toBe("grpc-list://a:1,b:2");
    expect(shown({ ANYCABLE_RPC_HOST: "dns:///rpc.internal:50051" }, "rpc_host")).toBe("dns:///rpc.internal:50051");
    expect(shown({ ANYCABLE_RPC_HOST: "https://app.example.com/_anycable?x=1" }, "rpc_host")).toBe("https://app.example.com/_anycable?***");
    expect(shown({ ANYCABLE_SECRET: "none" }, "secret")).toBe("none");
  });
});
