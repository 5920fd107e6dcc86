import { describe, expect, it } from "vitest";
import { load, loadToml, type Loaded } from "../fixtures/config/load.ts";

const fly = { FLY_APP_NAME: "ws", FLY_ALLOC_ID: "1d8", FLY_REGION: "ams" };
const heroku = { HEROKU_APP_ID: "9daa", HEROKU_DYNO_ID: "a1b2", PORT: "31337" };

/** Options with a value that a preset gave. */
function preset({ settings }: Loaded): Readonly<Record<string, unknown>> {
  const names = ["host", "port", "rpc_host", "broadcast_adapter", "http_broadcast_port", "redis_url"];
  return Object.fromEntries(names.filter((name) => settings.source(name) === "preset").map((name) => [name, settings.value(name)]));
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
  it("without Redis publications come over HTTP alone, and a warning says what is missing", () => {
    const loaded = load({ env: fly });
    expect(preset(loaded)).toEqual({ host: "0.0.0.0", broadcast_adapter: ["http"] });
    expect(loaded.config.broadcast.adapters).toEqual(["http"]);
    expect(loaded.config.rpc.host).toBe("localhost:50051");
    expect(loaded.warnings).toEqual([expect.stringMatching(/over HTTP alone.*embedded NATS is not built yet: set REDIS_URL/u)]);
  });

  it("with Redis both come", () => {
    for (const env of [{ REDIS_URL: "redis://cache" }, { ANYCABLE_REDIS_SENTINELS: "a:26379" }]) {
      const loaded = load({ env: { ...fly, ...env } });
      expect(loaded.config.broadcast.adapters).toEqual(["http", "redis"]);
      expect(loaded.config.redis.isRequired).toBe(true);
      expect(loaded.warnings.join()).not.toContain("NATS");
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
