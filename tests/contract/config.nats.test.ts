import { describe, expect, it } from "vitest";
import { load, loadToml, type Loaded } from "../fixtures/config/load.ts";

function of(...argv: readonly string[]): Loaded {
  return load({ argv });
}

describe("NATS", () => {
  it("is nobody's business until a part uses it", () => {
    expect(of("--nats_servers=://:s3cr3t@").config.nats).toMatchObject({ isRequired: false });
    for (const argument of ["--pubsub=nats", "--broker=nats", "--broadcast_adapter=nats"]) {
      expect(of(argument).config.nats).toEqual({
        servers: ["nats://127.0.0.1:4222"],
        isRandomized: true,
        replicas: 1,
        prefix: "",
        isRequired: true,
      });
      expect(() => of(argument, "--nats_servers=://:s3cr3t@")).toThrow(/^--nats_servers is no address such as nats/u);
    }
  });

  it.each(["nats:4222", "localhost", "10.0.0.1", "nats://[fd00::1]:4222", "tls://u:p%23w@nats.example.com:4222", "nats://token@a:4222/"])(
    "is at %s",
    (server) => {
      expect(of("--pubsub=nats", `--nats_servers=${server},nats://b`).config.nats.servers).toEqual([server, "nats://b"]);
    },
  );

  it.each([
    "ws://s3cr3t@a",
    "nats://a:0",
    "nats://a:70000",
    "nats://s3cr3t#@a",
    "nats://a/s3cr3t",
    "nats://a?s3cr3t",
    "nats://",
    "nats:// a",
  ])("is not at %s", (server) => {
    const error = expect.objectContaining({
      code: "config.invalid_value",
      message: expect.stringMatching(/^--nats_servers (?!.*s3cr3t)/u),
    });
    expect(() => of("--pubsub=nats", `--nats_servers=${server}`)).toThrow(error);
  });

  it("needs at least one server", () => {
    expect(() => of("--pubsub=nats", "--nats_servers=,")).toThrow("--nats_servers names no server");
  });

  it("takes subjects and prefixes that it allows", () => {
    for (const bad of ["a b", "a.*", ">", "a..b", ".a", ""]) {
      expect(() => of(`--nats_channel=${bad}`), bad).toThrow("a subject of NATS is needed");
      expect(() => loadToml(`[nats_pubsub]\nchannel = "${bad}"\n`), bad).toThrow("a subject of NATS is needed");
    }
    expect(of("--nats_channel=app.cable").config.broadcast.natsChannel).toBe("app.cable");
    for (const bad of ["a.b", "a b", "a*", "ä"]) expect(() => of(`--nats_prefix=${bad}`), bad).toThrow("only letters, digits, - and _");
    for (const bad of ["a b", "{a}"]) expect(() => of(`--redis_prefix=${bad}`), bad).toThrow("blanks, braces and control characters");
  });
});

describe("the embedded server", () => {
  const whole = [
    "--embed_nats",
    "--enats_addr=nats://0.0.0.0:4242",
    "--enats_cluster=nats://[::]:5222",
    "--enats_cluster_routes=nats://a:5222, b:5222",
    "--enats_gateway=10.0.0.1:7222",
    "--enats_gateway_advertise=[fd00::1]:7222",
    "--enats_gateways=x:nats://x1:7222,x2:7222; y: nats://y:7222",
  ];

  it("is what its options say", () => {
    expect(of(...whole).config).toMatchObject({
      embeddedNats: {
        binary: "/usr/bin/nats-server",
        serverName: undefined,
        listen: { host: "0.0.0.0", port: 4242 },
        cluster: { name: "anycable-cluster", listen: { host: "::", port: 5222 }, routes: ["nats://a:5222", "nats://b:5222"] },
        gateway: {
          name: "anycable-cluster",
          listen: { host: "10.0.0.1", port: 7222 },
          advertise: "[fd00::1]:7222",
          remotes: [
            { name: "x", urls: ["nats://x1:7222", "nats://x2:7222"] },
            { name: "y", urls: ["nats://y:7222"] },
          ],
        },
        jetStream: undefined,
        maxPayloadBytes: 0,
        isDebug: false,
        isTrace: false,
      },
      pubsub: { adapter: "nats" },
      nats: { servers: ["nats://127.0.0.1:4242"], isRequired: true },
    });
    expect(of(...whole).warnings).toEqual([]);
    expect(of(...whole.slice(1)).config.embeddedNats).toBeUndefined();
    expect(of("--embed_nats").config.embeddedNats).toMatchObject({ cluster: undefined, gateway: undefined });
  });

  it("is where we connect, unless another server is named", () => {
    const servers = (...argv: readonly string[]): readonly string[] => of("--embed_nats", ...argv).config.nats.servers;
    expect(servers()).toEqual(["nats://127.0.0.1:4222"]);
    expect(servers("--enats_addr=nats://[::]:4242")).toEqual(["nats://[::1]:4242"]);
    expect(servers("--enats_addr=nats://10.0.0.1:4242")).toEqual(["nats://10.0.0.1:4242"]);
    expect(servers("--nats_servers=nats://127.0.0.1:4222", "--enats_addr=nats://0.0.0.0:4242")).toEqual(["nats://127.0.0.1:4242"]);
    // As AnyCable prints it.
    expect(servers("--nats_servers=nats://0.0.0.0:4242", "--enats_addr=nats://0.0.0.0:4242")).toEqual(["nats://127.0.0.1:4242"]);
    expect(servers("--nats_servers=nats://hub:4222")).toEqual(["nats://hub:4222"]);
  });

  it("asks for what its addresses name", () => {
    const loaded = of(
      "--embed_nats",
      "--enats_addr=nats://s%23cret@0.0.0.0:4242",
      "--enats_cluster=u:p%40ss@0.0.0.0:5222",
      "--enats_cluster_routes=nats://u:p%40ss@a:5222",
      "--enats_gateway=nats://g:p@0.0.0.0:7222",
    );
    expect(loaded.config).toMatchObject({
      nats: { servers: ["nats://s%23cret@127.0.0.1:4242"] },
      embeddedNats: {
        listen: { login: { token: "s#cret" } },
        cluster: { listen: { login: { user: "u", password: "p@ss" } }, routes: ["nats://u:p%40ss@a:5222"] },
        gateway: { listen: { login: { user: "g", password: "p" } } },
      },
    });
    expect(of("--embed_nats", "--enats_addr=nats://u:p@10.0.0.1:4242").config.nats.servers).toEqual(["nats://u:p@10.0.0.1:4242"]);
    expect(of("--embed_nats").config.embeddedNats?.listen.login).toBeUndefined();
  });

  it("runs JetStream for the broker, or when told so", () => {
    const jetStream = (...argv: readonly string[]): unknown => of("--embed_nats", ...argv).config.embeddedNats?.jetStream;
    expect(jetStream("--enats_store_dir=/data")).toBeUndefined();
    expect(jetStream("--broker=nats", "--enats_store_dir=/data")).toEqual({ storeDir: "/data", readyTimeoutMs: 30_000 });
    const text = "[embedded_nats]\nenabled = true\njetstream = true\njetstream_ready_timeout = 5\n";
    expect(loadToml(text).config.embeddedNats?.jetStream).toEqual({ storeDir: undefined, readyTimeoutMs: 5000 });
  });

  it("needs its program", () => {
    const error = expect.objectContaining({
      code: "config.missing_program",
      message: expect.stringMatching(
        /^--embed_nats asks for a NATS server, and there is no program not-there on the PATH: install it \(apt-get install nats-server, .*nats_servers$/,
      ),
    });
    expect(() => of("--embed_nats", "--enats_binary=not-there")).toThrow(error);
    expect(of("--enats_binary=not-there").config.embeddedNats).toBeUndefined();
    expect(of("--embed_nats", "--enats_binary=/opt/nats").config.embeddedNats?.binary).toBe("/opt/nats");
  });

  it.each([
    ["--enats_addr=nats://127.0.0.1", "--enats_addr is no address such as nats://127.0.0.1:4222"],
    ["--enats_addr=", "--enats_addr can't be empty"],
    ["--enats_addr=nats://u:p%@127.0.0.1:4222", "--enats_addr has a stray %"],
    ["--enats_cluster=nats://u@127.0.0.1:5222", "--enats_cluster has a user without a password"],
    ["--enats_gateway_advertise=u:p@a:7222", "it has no user or password"],
    ["--enats_addr=nats://127.0.0.1:0", "--enats_addr is no address"],
    ["--enats_addr=tls://127.0.0.1:4222", "--enats_addr is tls://, but the embedded server offers no TLS"],
    ["--enats_cluster=5222", "--enats_cluster is no address"],
    ["--enats_cluster=nats://0.0.0.0:4222", "--enats_cluster and enats_addr (default) are both port 4222"],
    ["--enats_addr=nats://0.0.0.0:5222", "--enats_cluster and enats_addr (--enats_addr) are both port 5222"],
    ["--enats_gateway=nats://127.0.0.1:4222", "--enats_gateway and enats_addr (default) are both port 4222"],
    ["--enats_gateways=x1:7222", "--enats_gateways is no address"],
    ["--enats_gateways=nats://x1:7222", "has an item that is not name:nats://host:port"],
    ["--enats_gateways=x:http://x1:7222", "--enats_gateways has an unknown scheme"],
    ["--enats_gateway_advertise=x1", "--enats_gateway_advertise is no address"],
    ["--enats_cluster_routes=nats://a:b", "--enats_cluster_routes is no address"],
    ["--enats_cluster_name=", "--enats_cluster_name can't be empty"],
    ["--enats_cluster_name=a b", "blanks and control characters"],
    ["--enats_max_payload=67108865", "from 0 to 67108864 (bytes)"],
  ])("refuses %s", (argument, reason) => {
    const name = argument.split("=")[0]!;
    const beside = ["--enats_cluster=nats://127.0.0.1:5222", "--enats_gateway=nats://127.0.0.1:7222"].filter(
      (other) => !other.startsWith(`${name}=`),
    );
    const error = expect.objectContaining({ code: "config.invalid_value", message: expect.stringContaining(reason) });
    expect(() => of("--embed_nats", ...beside, argument)).toThrow(error);
  });

  it("may use one port at two addresses", () => {
    expect(() => of("--embed_nats", "--enats_addr=nats://127.0.0.1:4222", "--enats_cluster=nats://10.0.0.1:4222")).not.toThrow();
  });
});
