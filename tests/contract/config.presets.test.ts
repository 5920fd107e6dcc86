import { describe, expect, it } from "vitest";
import { options } from "../../src/config/schema.ts";
import { load, loadToml, type Loaded } from "../fixtures/config/load.ts";

const fly = { FLY_APP_NAME: "ws", FLY_ALLOC_ID: "1d8", FLY_REGION: "ams" };
const heroku = { HEROKU_APP_ID: "9daa", HEROKU_DYNO_ID: "a1b2", PORT: "31337" };

/** Options with a value that a preset gave. */
function preset({ settings }: Loaded): Readonly<Record<string, unknown>> {
  const given = options.filter(({ name }) => settings.source(name) === "preset");
  return Object.fromEntries(given.map(({ name }) => [name, settings.value(name)]));
}

describe("on Heroku", () => {
  it("every interface is listened on", () => {
    const loaded = load({ env: heroku });
    expect(preset(loaded)).toEqual({ host: "0.0.0.0" });
    expect(loaded.config.server).toMatchObject({ host: "0.0.0.0", port: 31_337 });
    expect(loaded.settings.get("host").origin).toBe("preset heroku");
    expect(loaded.notes).toEqual(["Loaded presets: heroku"]);
    expect(loaded.warnings).toEqual([]);
  });

  it("publications over HTTP come to the port that Heroku knows, when a key protects it, and never without", () => {
    const listen = (env: Readonly<Record<string, string>>): unknown => load({ env: { ...heroku, ...env } }).config.broadcast.http.listen;
    expect(listen({ ANYCABLE_SECRET: "s" })).toBe("main");
    expect(listen({ ANYCABLE_BROADCAST_KEY: "k" })).toBe("main");
    expect(listen({})).toEqual({ host: "0.0.0.0", port: 8090 });
    expect(listen({ ANYCABLE_SECRET: "s", ANYCABLE_PUBLIC: "true" })).toEqual({ host: "0.0.0.0", port: 8090 });
    expect(listen({ ANYCABLE_BROADCAST_KEY: "none" })).toEqual({ host: "0.0.0.0", port: 8090 });
  });

  it("is not found out from half of its variables", () => {
    expect(load({ env: { HEROKU_APP_ID: "x", PORT: "1" } }).notes).toEqual([]);
    expect(load({ env: { HEROKU_DYNO_ID: "x" } }).config.server.host).toBe("localhost");
  });
});

describe("on Fly", () => {
  it("without Redis machines reach each other by a NATS of their own", () => {
    const loaded = load({ env: fly });
    expect(preset(loaded)).toEqual({
      host: "0.0.0.0",
      broadcast_adapter: ["http", "nats"],
      pubsub: "nats",
      embed_nats: true,
      enats_server_name: "fly-ams-1d8",
      enats_addr: "nats://0.0.0.0:4222",
      enats_cluster: "nats://0.0.0.0:5222",
      enats_cluster_name: "ws-ams-cluster",
      enats_cluster_routes: ["nats://ams.ws.internal:5222"],
      enats_gateway_advertise: "ams.ws.internal:7222",
    });
    expect(loaded.config).toMatchObject({
      rpc: { host: "localhost:50051" },
      nats: { servers: ["nats://127.0.0.1:4222"], isRequired: true },
      embeddedNats: { gateway: undefined, jetStream: undefined },
      redis: { isRequired: false },
    });
    expect(loaded.warnings).toEqual([]);
  });

  it("without Redis and without a program to embed, publications come over HTTP alone, and a warning says what is missing", () => {
    const without = { ...fly, ROPEWAY_ENATS_BINARY: "not-there" };
    const loaded = load({ env: without });
    expect(preset(loaded)).toEqual({ host: "0.0.0.0", broadcast_adapter: ["http"] });
    expect(loaded.config).toMatchObject({ pubsub: { adapter: "local" }, embeddedNats: undefined });
    expect(loaded.warnings).toEqual([
      expect.stringMatching(/^On Fly without Redis and NATS.*no not-there to embed.*put nats-server into/u),
    ]);
    expect(load({ env: { ...fly, ANYCABLE_EMBED_NATS: "false" } }).warnings).toEqual([expect.stringContaining("(embed_nats is off)")]);
    expect(load({ env: { ...without, ANYCABLE_BROADCAST_ADAPTER: "http" } }).warnings).toEqual([]);
    // Who asks for it must get it.
    expect(() => load({ env: { ...without, ANYCABLE_EMBED_NATS: "true" } })).toThrow("ANYCABLE_EMBED_NATS asks for a NATS server");
  });

  it("a NATS elsewhere is used as it is", () => {
    const loaded = load({ env: { ...fly, ANYCABLE_NATS_SERVERS: "nats://hub.internal:4222" } });
    expect(preset(loaded)).toEqual({ host: "0.0.0.0", broadcast_adapter: ["http", "nats"], pubsub: "nats" });
    expect(loaded.config).toMatchObject({ embeddedNats: undefined, nats: { servers: ["nats://hub.internal:4222"] } });
  });

  it("what is asked for counts, and gets the names of the region", () => {
    const both = load({ env: { ...fly, ANYCABLE_EMBED_NATS: "true", ANYCABLE_PUBSUB: "nats", ANYCABLE_ENATS_SERVER_NAME: "mine" } });
    expect(both.config).toMatchObject({
      broadcast: { adapters: ["http"] },
      embeddedNats: {
        serverName: "mine",
        listen: { port: 4222 },
        cluster: { name: "ws-ams-cluster", routes: ["nats://ams.ws.internal:5222"] },
      },
    });
    const beside = load({ env: { ...fly, ANYCABLE_EMBED_NATS: "true", REDIS_URL: "redis://cache" } });
    expect(beside.config).toMatchObject({ pubsub: { adapter: "redis" }, embeddedNats: { cluster: { name: "ws-ams-cluster" } } });
    expect(preset(load({ env: { ...fly, ANYCABLE_PUBSUB: "none" } }))).toEqual({ host: "0.0.0.0", broadcast_adapter: ["http"] });
  });

  it("with Redis both come", () => {
    for (const env of [{ REDIS_URL: "redis://cache" }, { ANYCABLE_REDIS_SENTINELS: "a:26379" }]) {
      const loaded = load({ env: { ...fly, ...env } });
      expect(preset(loaded)).toEqual({ host: "0.0.0.0" });
      expect(loaded.config.broadcast.adapters).toEqual(["http", "redis"]);
      expect(loaded.config).toMatchObject({ redis: { isRequired: true }, pubsub: { adapter: "redis" }, embeddedNats: undefined });
      expect(loaded.warnings).toEqual([]);
    }
  });

  it("the application is called in its own region", () => {
    const { config } = load({ env: { ...fly, ANYCABLE_FLY_RPC_APP_NAME: "web" } });
    expect(config.rpc).toMatchObject({ implementation: "grpc", host: "dns:///ams.web.internal:50051" });
  });

  it("the name that AnyCable's guide misspells is pointed out", () => {
    const loaded = load({ env: { ...fly, FLY_ANYCABLE_RPC_APP_NAME: "web" } });
    expect(loaded.config.rpc.host).toBe("localhost:50051");
    expect(loaded.warnings[0]).toMatch(/^FLY_ANYCABLE_RPC_APP_NAME is ignored.*did you mean ANYCABLE_FLY_RPC_APP_NAME\?$/u);
    const both = { ...fly, FLY_ANYCABLE_RPC_APP_NAME: "web", ANYCABLE_FLY_RPC_APP_NAME: "web" };
    expect(load({ env: both }).warnings.join()).not.toContain("ignored");
  });

  it("its private network, which is IPv6, is listened on where it is there", () => {
    expect(load({ env: { ...fly, FLY_PRIVATE_IP: "fdaa:0:1::3" } }).config.server.host).toBe("::");
  });

  it("is not found out from a part of its variables", () => {
    for (const missing of Object.keys(fly)) {
      const env = Object.fromEntries(Object.entries(fly).filter(([name]) => name !== missing));
      expect(load({ env })).toMatchObject({ notes: [], warnings: [], config: { server: { host: "localhost" } } });
    }
  });
});

describe("a preset", () => {
  it("is weaker than whatever is set, even to the default", () => {
    const env = { ...fly, ANYCABLE_FLY_RPC_APP_NAME: "web" };
    expect(preset(load({ env: { ...env, ANYCABLE_HOST: "localhost" } }))).not.toHaveProperty("host");
    expect(preset(load({ env, argv: ["--rpc_host=localhost:50051"] }))).not.toHaveProperty("rpc_host");
    expect(load({ env, argv: ["--broadcast_adapter=redis"] }).config.broadcast.adapters).toEqual(["redis"]);
    const { config } = load({ env, files: { "/app/anycable.toml": '[server]\nhost = "10.0.0.1"\n[rpc]\nhost = "rpc:1"\n' } });
    expect([config.server.host, config.rpc.host]).toEqual(["10.0.0.1", "rpc:1"]);
  });

  it("can be named, and then the others are not looked for", () => {
    expect(load({ argv: ["--presets=heroku"] }).config.server.host).toBe("0.0.0.0");
    expect(load({ env: { ...fly, ANYCABLE_PRESETS: "heroku" } }).notes).toEqual(["Loaded presets: heroku"]);
    expect(loadToml('presets = ["heroku"]\n').config.server.host).toBe("0.0.0.0");
    expect(load({ env: { ...fly, ...heroku } }).notes).toEqual(["Loaded presets: fly, heroku"]);
  });

  it("can be switched off", () => {
    for (const argv of [["--presets=none"], ["--presets="]]) {
      expect(load({ env: { ...fly, ...heroku }, argv })).toMatchObject({
        notes: [],
        warnings: [],
        config: { server: { host: "localhost" } },
      });
    }
    expect(load({ env: { ...fly, ANYCABLE_PRESETS: "none" } }).config.server.host).toBe("localhost");
  });

  it("that was named and lacks what it works with stops the start", () => {
    expect(() => load({ argv: ["--presets=fly"] })).toThrow("--presets asks for fly, which needs FLY_REGION: it is not set");
    expect(() => load({ env: { FLY_REGION: "ams", ANYCABLE_PRESETS: "fly" } })).toThrow(/^ANYCABLE_PRESETS asks for fly.*FLY_APP_NAME/u);
  });
});

describe("the preset broker", () => {
  it("keeps history in memory, and takes what keeps it", () => {
    const alone = load({ argv: ["--presets=broker"] });
    expect(preset(alone)).toEqual({ broker: "memory", broadcast_adapter: ["http"] });
    expect(alone).toMatchObject({ warnings: [], notes: ["Loaded presets: broker"], config: { pubsub: { adapter: "local" } } });
    const withRedis = load({ argv: ["--presets=broker"], env: { REDIS_URL: "redis://cache" } });
    expect(preset(withRedis)).toEqual({ broker: "memory", broadcast_adapter: ["http", "redisx", "redis"] });
    expect(withRedis.config.pubsub.adapter).toBe("redis");
  });

  it("keeps it in the embedded NATS where there is one", () => {
    const loaded = load({ argv: ["--presets=broker", "--embed_nats"] });
    expect(preset(loaded)).toEqual({ broker: "nats", broadcast_adapter: ["http", "nats"], pubsub: "nats" });
    expect(loaded.config.embeddedNats?.jetStream).toBeDefined();
    const onFly = load({ env: { ...fly, ANYCABLE_PRESETS: "fly,broker" } });
    expect(onFly.config).toMatchObject({
      broker: { adapter: "nats" },
      pubsub: { adapter: "nats" },
      broadcast: { adapters: ["http", "nats"] },
      embeddedNats: { jetStream: {}, serverName: "fly-ams-1d8" },
    });
    expect(onFly.notes).toEqual(["Loaded presets: fly, broker"]);
  });

  it("is weaker than whatever is set", () => {
    const { config } = load({ argv: ["--presets=broker", "--broker=redis", "--broadcast_adapter=redisx", "--pubsub=nats"] });
    expect(config).toMatchObject({ broker: { adapter: "redis" }, broadcast: { adapters: ["redisx"] }, pubsub: { adapter: "nats" } });
  });
});
