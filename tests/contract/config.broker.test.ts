import { describe, expect, it } from "vitest";
import { load, loadToml, type Loaded } from "../fixtures/config/load.ts";

function of(...argv: readonly string[]): Loaded {
  return load({ argv });
}

function streams(text: string): Loaded {
  return loadToml(`[broker]\nadapter = "memory"\n${text}`);
}

describe("the broker", () => {
  it("is none unless one is asked for", () => {
    expect(of().config.broker).toEqual({
      adapter: "none",
      historyLimit: 100,
      historyTtlMs: 300_000,
      sessionsTtlMs: 300_000,
      presenceTtlMs: 15_000,
      streams: [],
    });
    expect(of("--broker=none").config.broker.adapter).toBe("none");
  });

  it("keeps no history when none may stay, or for no time", () => {
    expect(of("--history_limit=0").config.broker).toMatchObject({ historyLimit: 0, historyTtlMs: 0 });
    expect(of("--history_ttl=0").config.broker).toMatchObject({ historyLimit: 0, historyTtlMs: 0 });
  });

  it("may keep things for longer than a timer can wait, but not present", () => {
    expect(of("--history_ttl=31536000", "--sessions_ttl=31536000").config.broker).toMatchObject({
      historyTtlMs: 31_536_000_000,
      sessionsTtlMs: 31_536_000_000,
    });
    expect(() => of("--presence_ttl=31536000")).toThrow("--presence_ttl is 31536000, but takes a whole number from 1 to 2147483 (s)");
    expect(() => of("--presence_ttl=0")).toThrow("--presence_ttl is 0");
  });

  it("gives a client time to come back, but no longer than its session is kept", () => {
    expect(of().config.disconnect.graceMs).toBe(10_000);
    expect(of("--sessions_ttl=4").config.disconnect.graceMs).toBe(4000);
    expect(of("--sessions_ttl=0").config.disconnect.graceMs).toBe(0);
    expect(of("--disconnect_grace=0").config.disconnect.graceMs).toBe(0);
  });
});

describe("settings for some streams", () => {
  it("are tables, whose gaps the general settings fill", () => {
    const { config, warnings, notes } = streams(`
      history_limit = 10
      history_ttl = 20
      [[broker.streams]]
      pattern = "chat/vip-*"
      [[broker.streams]]
      pattern = "chat/*"
      History_Limit = 1000
      presence = false
      [[broker.streams]]
      pattern = "cursor:*"
      history_ttl = 0
    `);
    expect(config.broker.streams).toEqual([
      { pattern: "chat/vip-*", historyLimit: 10, historyTtlMs: 20_000, presence: true },
      { pattern: "chat/*", historyLimit: 1000, historyTtlMs: 20_000, presence: false },
      { pattern: "cursor:*", historyLimit: 0, historyTtlMs: 0, presence: true },
    ]);
    expect([...warnings, ...notes]).toEqual([]);
  });

  it.each([
    ["[[broker.streams]]\nhistory_limit = 1", "has no pattern in entry 1"],
    [
      '[[broker.streams]]\npattern = "a"\n[[broker.streams]]\npattern = ""',
      "has in entry 2 a wrong pattern: it can't be used: it can't be empty",
    ],
    [
      '[[broker.streams]]\npattern = "a"\nlimit = 1',
      'has in entry 1 the unknown key "limit"; known are pattern, history_limit, history_ttl, presence',
    ],
    ['[[broker.streams]]\npattern = "a"\n__proto__ = 1', 'has in entry 1 the unknown key "__proto__"'],
    [
      '[[broker.streams]]\npattern = "a"\nhistory_limit = -1',
      "has in entry 1 a wrong history_limit: it is -1, but takes a whole number from 0 up",
    ],
    ['[[broker.streams]]\npattern = "a"\nhistory_ttl = "1m"', 'has in entry 1 a wrong history_ttl: it is "1m", but takes a whole number'],
    ['[[broker.streams]]\npattern = "a"\npresence = "no"', 'has in entry 1 a wrong presence: it is "no", but takes true or false'],
    ['[[broker.streams]]\npattern = ["a"]', "has in entry 1 a wrong pattern: it is an array, but takes text"],
    ['[broker.streams]\npattern = "a"', "is a table, but takes an array of tables with pattern, history_limit, history_ttl, presence"],
    ['streams = ["chat/*"]', "is an array, but takes an array of tables"],
    [
      '[[broker.streams]]\npattern = "chat/*"\n[[broker.streams]]\npattern = "news"\n[[broker.streams]]\npattern = "chat/vip-*"',
      'has entry 3 ("chat/vip-*") in vain, because entry 1 ("chat/*") comes first and fits the same streams: swap them',
    ],
    [
      '[[broker.streams]]\npattern = "a"\n[[broker.streams]]\npattern = "a"',
      'has entry 2 ("a") in vain, because entry 1 ("a") comes first',
    ],
  ])("stop the start when they are wrong: %j", (text, reason) => {
    expect(() => streams(text)).toThrow(
      expect.objectContaining({
        code: "config.invalid_value",
        message: expect.stringContaining(`broker.streams in /app/ropeway.toml ${reason}`),
      }),
    );
  });

  it("stand in a file alone", () => {
    expect(() => of("--broker.streams=x")).toThrow("unknown flag --broker.streams");
    expect(load({ env: { ROPEWAY_BROKER_STREAMS: "x" } }).config.broker.streams).toEqual([]);
  });
});

describe("nodes reach each other", () => {
  const adapter = (...argv: readonly string[]): string => of(...argv).config.pubsub.adapter;

  it.each([
    ["local", []],
    ["local", ["--redis_url=redis://localhost:6379"]],
    ["local", ["--broker=memory"]],
    ["redis", ["--redis_url=redis://cache"]],
    ["redis", ["--redis_sentinels=a:26379"]],
    ["redis", ["--broadcast_adapter=redisx"]],
    ["redis", ["--broker=redis"]],
    ["redis", ["--broker=memory", "--redis_url=redis://cache"]],
    ["redis", ["--redis_url=redis://cache", "--embed_nats"]],
    ["redis", ["--broker=nats", "--pubsub=redis"]],
    ["nats", ["--broker=nats"]],
    ["nats", ["--broker=nats", "--redis_url=redis://cache"]],
    ["nats", ["--embed_nats"]],
    ["nats", ["--broadcast_adapter=nats"]],
    ["nats", ["--pubsub=nats", "--redis_url=redis://cache"]],
    ["nats", ["--broker=redis", "--pubsub=nats"]],
    ["local", ["--pubsub=none", "--redis_url=redis://cache"]],
  ])("by %s with %j", (expected, argv) => {
    expect(adapter(...argv)).toBe(expected);
  });

  it("over a channel that is not the broadcaster's", () => {
    const one = load({ env: { REDIS_URL: "redis://cache", ANYCABLE_REDIS_CHANNEL: "__anycable_internal__" } });
    expect(one.config).toMatchObject({
      broadcast: { redisChannel: "__anycable_internal__" },
      pubsub: { redisChannel: "__anycable_internal__-int" },
    });
    expect(one.warnings).toEqual([expect.stringMatching(/^redis_pubsub\.channel and redis_channel are both .*: .*-int instead$/u)]);
    const prefixed = load({
      env: { REDIS_URL: "redis://cache", ROPEWAY_REDIS_PREFIX: "a:", ANYCABLE_REDIS_CHANNEL: "__anycable_internal__" },
    });
    expect(prefixed).toMatchObject({ warnings: [], config: { pubsub: { redisChannel: "__anycable_internal__" } } });
    const without = load({
      env: { REDIS_URL: "redis://cache", ANYCABLE_REDIS_CHANNEL: "__anycable_internal__" },
      argv: ["--broadcast_adapter=http"],
    });
    expect(without).toMatchObject({ warnings: [], config: { pubsub: { redisChannel: "__anycable_internal__" } } });
    const nats = load({ argv: ["--broadcast_adapter=nats", "--nats_channel=__anycable_internal__"] });
    expect(nats.config.pubsub.natsChannel).toBe("__anycable_internal__-int");
    expect(nats.warnings).toEqual([expect.stringContaining("nats_pubsub.channel and nats_channel are both")]);
    const files = { "/app/anycable.toml": '[redis_pubsub]\nchannel = "x"\n[nats_pubsub]\nchannel = "y"\n' };
    expect(load({ files }).config.pubsub).toMatchObject({ adapter: "local", redisChannel: "x", natsChannel: "y" });
  });
});

describe("parts that lose something together are told", () => {
  it.each([
    [
      "memory, many nodes",
      ["--broker=memory", "--redis_url=redis://cache", "--broadcast_adapter=http"],
      [/^broker=memory with pubsub=redis: each node/u],
    ],
    ["memory, many nodes, by NATS", ["--broker=memory", "--pubsub=nats"], [/^broker=memory with pubsub=nats/u]],
    ["redis, not kept", ["--broker=redis", "--broadcast_adapter=http,redis"], [/^What comes by redis \(broadcast_adapter\)/u]],
    ["redis and nats, not kept", ["--broker=nats", "--broadcast_adapter=redis,nats"], [/^What comes by redis and nats/u]],
    ["redisx alone", ["--broadcast_adapter=redisx", "--pubsub=none"], [/^redisx with pubsub=none/u]],
    [
      "a broker of many nodes that is alone",
      ["--broker=redis", "--broadcast_adapter=http", "--pubsub=none"],
      [/^broker=redis with pubsub=none/u],
    ],
    [
      "a cluster without names",
      ["--broker=nats", "--embed_nats", "--enats_cluster=nats://127.0.0.1:5222", "--broadcast_adapter=http"],
      [/^JetStream in a cluster \(enats_cluster\) without enats_server_name/u],
    ],
    [
      "the preset, as AnyCable has it",
      ["--presets=broker", "--redis_url=redis://cache"],
      [/^broker=memory with pubsub=redis/u, /^What comes by redis/u],
    ],
  ])("%s", (_what, argv, expected) => {
    expect(of(...argv).warnings).toEqual(expected.map((warning) => expect.stringMatching(warning)));
  });

  it.each([
    [["--broker=memory"]],
    [["--broker=memory", "--redis_url=redis://cache", "--pubsub=none", "--broadcast_adapter=http"]],
    [["--broker=redis", "--broadcast_adapter=http,redisx"]],
    [["--broker=redis", "--pubsub=nats", "--broadcast_adapter=http"]],
    [["--broker=nats", "--broadcast_adapter=http"]],
    [["--broker=nats", "--embed_nats", "--enats_cluster=nats://127.0.0.1:5222", "--enats_server_name=n1", "--broadcast_adapter=http"]],
    [["--broadcast_adapter=redisx,redis"]],
    [["--presets=broker"]],
  ])("not %j", (argv) => {
    expect(of(...argv).warnings).toEqual([]);
  });
});
