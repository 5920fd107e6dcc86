import { describe, expect, it } from "vitest";
import { load, loadAny } from "../fixtures/config/load.ts";

const file = { "/app/ropeway.toml": '[server]\nport = 1001\nhost = "file"\n' };

describe("sources", () => {
  it("win over each other in order: default, file, variable, flag", () => {
    const env = { ANYCABLE_PORT: "1002" };
    const port = (sources: Parameters<typeof load>[0]): readonly [number, string] => {
      const { config, settings } = load(sources);
      return [config.server.port, settings.source("port")];
    };
    expect(port({})).toEqual([8080, "default"]);
    expect(port({ files: file })).toEqual([1001, "file"]);
    expect(port({ files: file, env })).toEqual([1002, "environment"]);
    expect(port({ files: file, env, argv: ["--port=1003"] })).toEqual([1003, "flag"]);
    expect(port({ files: file, argv: ["--port=1003"] })).toEqual([1003, "flag"]);
    expect(port({ env, argv: ["--port=8080"] })).toEqual([8080, "flag"]);
  });

  it("leave alone what they don't mention", () => {
    const { config } = load({ files: file, env: { ANYCABLE_PORT: "1002" } });
    expect(config.server).toMatchObject({ host: "file", port: 1002 });
  });

  it("can take a list back", () => {
    expect(load({ env: { ANYCABLE_ALLOWED_ORIGINS: "a.io" }, argv: ["--allowed_origins="] }).config.server.allowedOrigins).toEqual([]);
  });
});

describe("variables", () => {
  it("ROPEWAY_ wins over ANYCABLE_, and both over the bare one", () => {
    const env = { PORT: "1001", ANYCABLE_PORT: "1002", ROPEWAY_PORT: "1003" };
    expect(load({ env }).config.server.port).toBe(1003);
    expect(load({ env: { ...env, ROPEWAY_PORT: "" } }).config.server.port).toBe(1002);
    expect(load({ env: { PORT: "1001" } }).config.server.port).toBe(1001);
    const urls = { REDIS_URL: "redis://bare", ANYCABLE_REDIS_URL: "redis://prefixed" };
    expect(load({ env: urls }).config.redis.url).toBe("redis://prefixed");
    expect(load({ env: { REDIS_URL: "redis://bare" } }).config.redis.url).toBe("redis://bare");
  });

  it("that are empty count as none, except where empty means something", () => {
    const { config } = load({
      env: { ANYCABLE_PORT: "", ANYCABLE_HOST: "", ANYCABLE_HEADERS: "", ROPEWAY_READINESS_PATH: "", ANYCABLE_PATH: "" },
    });
    expect(config.server).toMatchObject({ port: 8080, host: "localhost", readinessPath: undefined });
    expect(config.rpc.proxyHeaders).toEqual([]);
    expect(config.websocket.paths).toEqual(["/cable"]);
  });

  it("of Ropeway's own options have no ANYCABLE_ name", () => {
    const { config, warnings } = load({ env: { ANYCABLE_MAX_SUBSCRIPTIONS: "5" } });
    expect(config.limits.maxSubscriptions).toBe(1000);
    expect(warnings).toEqual([
      "ANYCABLE_MAX_SUBSCRIPTIONS is ignored: the option is Ropeway's own, so its variable is ROPEWAY_MAX_SUBSCRIPTIONS",
    ]);
  });
});

describe("flags", () => {
  it("take a boolean alone, with =, in all of Go's spellings", () => {
    for (const yes of [
      "--noauth",
      "-noauth",
      "--noauth=true",
      "--noauth=1",
      "--noauth=t",
      "--noauth=T",
      "--noauth=TRUE",
      "--noauth=True",
    ]) {
      expect(load({ argv: [yes] }).config.server.isAuthSkipped, yes).toBe(true);
    }
    for (const no of ["false", "0", "f", "F", "FALSE", "False"]) {
      expect(load({ argv: [`--noauth=${no}`], env: { ANYCABLE_NOAUTH: "1" } }).config.server.isAuthSkipped, no).toBe(false);
    }
  });

  it("take the next argument as it is, even one that looks like a flag", () => {
    expect(load({ argv: ["--node_id", "--port", "--port", "9001"] }).config.server).toMatchObject({ nodeId: "--port", port: 9001 });
  });

  it("keep everything after the first =", () => {
    expect(load({ argv: ["--broadcast_key=a=b=="] }).config.broadcast.http.key).toBe("a=b==");
  });

  it("given twice count as given last, in whatever spelling", () => {
    expect(load({ argv: ["--max-conn=1", "-max_conn", "2"] }).config.server.maxConnections).toBe(2);
  });
});

describe("the file", () => {
  const text = (port: number): string => `[server]\nport = ${port}\n`;
  const all = {
    "/app/ropeway.toml": text(1),
    "/app/anycable.toml": text(2),
    "/etc/ropeway/ropeway.toml": text(3),
    "/etc/anycable/anycable.toml": text(4),
  };

  it("is the first that exists, and no other", () => {
    const paths = Object.keys(all);
    for (const [index, path] of paths.entries()) {
      const files = Object.fromEntries(Object.entries(all).slice(index));
      expect(load({ files })).toMatchObject({ configPath: path, config: { server: { port: index + 1 } } });
    }
    expect(load({}).configPath).toBeUndefined();
    const other = { ...all, "/app/ropeway.toml": '[server]\nhost = "h"\n' };
    expect(load({ files: other }).config.server).toMatchObject({ host: "h", port: 8080 });
  });

  it("can be named, relative to where we are, and then it is the only one", () => {
    const files = { ...all, "/app/conf/x.toml": text(5), "/x.toml": text(6) };
    expect(load({ files, argv: ["--config-path", "conf/x.toml"] })).toMatchObject({
      configPath: "/app/conf/x.toml",
      config: { server: { port: 5 } },
    });
    expect(load({ files, argv: ["-config_path=/x.toml"] }).config.server.port).toBe(6);
  });

  it("can be ignored, whether it is named or not, broken or not", () => {
    expect(load({ files: all, argv: ["--ignore-config-path"] })).toMatchObject({
      configPath: undefined,
      config: { server: { port: 8080 } },
    });
    expect(load({ files: { "/app/x.toml": "???" }, argv: ["--config-path=x.toml", "--ignore-config-path"] }).config.server.port).toBe(8080);
    expect(load({ files: all, argv: ["--ignore-config-path=false"] }).config.server.port).toBe(1);
  });
});

describe("commands", () => {
  it("help and version look at nothing else", () => {
    const files = { "/app/ropeway.toml": "???" };
    for (const flag of ["--help", "-help", "-h"]) expect(loadAny({ argv: [flag], files })).toEqual({ command: "help" });
    for (const flag of ["--version", "-v"]) expect(loadAny({ argv: ["--port=1", flag, "--wrong"], files })).toEqual({ command: "version" });
  });

  it("print-config loads like serve", () => {
    expect(load({}).command).toBe("serve");
    expect(load({ argv: ["--print-config", "--port=1"] })).toMatchObject({ command: "print-config", config: { server: { port: 1 } } });
  });
});
