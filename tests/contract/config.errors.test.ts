import { describe, expect, it } from "vitest";
import { CableError } from "../../src/errors.ts";
import { load, loadToml, type Sources } from "../fixtures/config/load.ts";

/** The one line that stops the start. */
function refusal(sources: Sources): { readonly code: string; readonly message: string } {
  try {
    load(sources);
  } catch (error) {
    if (!(error instanceof CableError)) throw error;
    expect(error.message).not.toContain("\n");
    return { code: error.code, message: error.message };
  }
  throw new Error("it was accepted");
}

function flag(...argv: readonly string[]): string {
  return refusal({ argv }).message;
}

function toml(text: string): string {
  return refusal({ files: { "/app/ropeway.toml": text } }).message;
}

describe("an unknown flag", () => {
  it("is named, with the nearest one", () => {
    expect(refusal({ argv: ["--rpc_hots=x"] })).toEqual({
      code: "config.unknown_option",
      message: "unknown flag --rpc_hots; did you mean --rpc_host?",
    });
    expect(flag("--no-auth")).toBe("unknown flag --no-auth; did you mean --noauth?");
    expect(flag("--maxconn", "1")).toBe("unknown flag --maxconn; did you mean --max-conn?");
    expect(flag("--statsd_hots=x")).toBe("unknown flag --statsd_hots; did you mean --statsd_host?");
    expect(flag("--zzzzzzzz")).toBe("unknown flag --zzzzzzzz; see --help");
  });

  it("that is none at all is named too", () => {
    expect(refusal({ argv: ["serve"] })).toEqual({
      code: "config.unknown_option",
      message: 'unexpected argument "serve"; see --help',
    });
    expect(flag("--noauth", "false")).toBe('unexpected argument "false" after --noauth; a value is written --noauth=false');
    for (const odd of ["-", "--", "--=x", "---port=1", ""]) expect(flag(odd)).toContain("unexpected argument");
  });

  it("of the file's alone is unknown", () => {
    expect(flag("--streams.pubsub_channel=x")).toContain("unknown flag");
    expect(flag("--disable_telemetry")).toContain("unknown flag");
  });
});

describe("an unknown key", () => {
  it("is named, with its file and the nearest one", () => {
    expect(refusal({ files: { "/etc/anycable/anycable.toml": "[rpc]\nhots = 1\n" } })).toEqual({
      code: "config.unknown_option",
      message: "unknown key rpc.hots in /etc/anycable/anycable.toml; did you mean rpc.host?",
    });
    expect(toml("[sever]\nport = 1\n")).toBe("unknown table [sever] in /app/ropeway.toml; did you mean [server]?");
    expect(toml("[server.sll]\ncert_path = 'x'\n")).toBe("unknown table [server.sll] in /app/ropeway.toml; did you mean [server.ssl]?");
    expect(toml("port = 1\n")).toMatch(/^unknown key port in/u);
    expect(toml('"server.port" = 1\n')).toMatch(/^unknown key server.port in/u);
    expect(toml("zzzzzzzz = 1\n")).toBe("unknown key zzzzzzzz in /app/ropeway.toml");
    expect(toml("[server]\nport = { x = 1 }\n")).toContain("port in /app/ropeway.toml is a table, but takes a whole number");
  });

  it("can't be one of JavaScript's own", () => {
    for (const name of ["toString", "hasOwnProperty", "constructor", "__proto__"]) {
      expect(toml(`${name} = 1\n`)).toContain(`unknown key ${name}`);
      expect(toml(`[${name}]\nx = 1\n`)).toContain(`unknown table [${name}]`);
      expect(toml(`[server.${name}]\nx = 1\n`)).toContain(`unknown table [server.${name}]`);
    }
    expect(toml("[metrics.tags]\n__proto__ = 'x'\n")).toContain('"__proto__" is no name for a tag');
    expect(load({ argv: ["--metrics_tags=constructor:x"] }).config.metrics.tags).toEqual({ constructor: "x" });
  });
});

describe("an unknown variable", () => {
  const warnings = (...names: readonly string[]): readonly string[] =>
    load({ env: Object.fromEntries(names.map((name) => [name, "x"])) }).warnings;

  it("is ignored", () => {
    expect(warnings("ANYCABLE_SOMETHING_ELSE", "ROPEWAY_SOMETHING_ELSE", "PATH", "HOST", "SECRET")).toEqual([]);
  });

  it("that is almost one of ours is named with it", () => {
    expect(warnings("ANYCABLE_RPC_HSOT")).toEqual([
      "ANYCABLE_RPC_HSOT is ignored: no option has this variable; did you mean ANYCABLE_RPC_HOST?",
    ]);
    expect(warnings("ROPEWAY_RPCHOST")).toEqual([
      "ROPEWAY_RPCHOST is ignored: no option has this variable; did you mean ROPEWAY_RPC_HOST?",
    ]);
  });

  it("that names a flag without variable is told so", () => {
    expect(warnings("ANYCABLE_CONFIG_PATH")).toEqual(["ANYCABLE_CONFIG_PATH is ignored: --config-path is a flag only"]);
  });

  it("of the Ruby gems is theirs", () => {
    const gems = `
      RPC_POOL_SIZE RPC_MAX_WAITING_REQUESTS RPC_POLL_PERIOD RPC_TLS_CERT RPC_TLS_KEY RPC_MAX_CONNECTION_AGE LOG_GRPC LOG_FILE JWT_TTL
      HTTP_HEALTH_PORT HTTP_HEALTH_PATH HTTP_BROADCAST_URL HTTP_RPC_MOUNT_PATH WEBSOCKET_URL NATS_OPTIONS
      EMBEDDED PERSISTENT_SESSION_ENABLED SID_HEADER_ENABLED VERSION_CHECK_ENABLED
    `
      .trim()
      .split(/\s+/u);
    expect(warnings(...gems.map((name) => `ANYCABLE_${name}`))).toEqual([]);
  });
});

describe("a bad value", () => {
  it("is named with where it stands and what is taken", () => {
    const message = (where: string): string => `${where} is "abc", but takes a whole number from 0 to 65535`;
    expect(refusal({ argv: ["--port=abc"] })).toEqual({ code: "config.invalid_value", message: message("--port") });
    expect(refusal({ env: { ANYCABLE_PORT: "abc" } }).message).toBe(message("ANYCABLE_PORT"));
    expect(refusal({ env: { PORT: "abc" } }).message).toBe(message("PORT"));
    expect(toml('[server]\nport = "abc"\n')).toBe(message("server.port in /app/ropeway.toml"));
  });

  it.each([
    ["--port=65536", "from 0 to 65535"],
    ["--port=-1", "from 0 to 65535"],
    ["--port=", "from 0 to 65535"],
    ["--port=1.5", "whole number"],
    ["--port=010", "whole number"],
    ["--port=1e3", "whole number"],
    ["--rpc_command_timeout=0", "from 1 to 2147483647 (ms)"],
    ["--shutdown_timeout=2147484", "from 0 to 2147483 (s)"],
    ["--max_message_size=0", "from 1 to"],
    ["--max-conn=99999999999999999999", "from 0 up"],
    ["--noauth=yes", "true or false"],
    ["--noauth=", "true or false"],
    ["--disconnect_mode=sometimes", "one of auto, always, never"],
    ["--ping_timestamp_precision=us", "one of s, ms, ns"],
    ["--log_level=fatal", "one of debug, info, warn, error"],
    ["--rpc_impl=soap", "one of grpc, http, none"],
    ["--broadcast_adapter=http,redsi", 'has the item "redsi", but takes a list of http, redis, redisx, nats'],
    ["--presets=render", "takes a list of auto, none, fly, heroku, broker"],
    ["--metrics_tags=env", 'has the item "env", but takes a list of name:value'],
    ["--metrics_tags=a-b:x", '"a-b" is no name for a tag'],
    ["--path=cable", 'can\'t be "cable": a path starts with "/"'],
    ["--path=/a,b", 'a path starts with "/"'],
    ["--path=,", "can't be used: at least one path is needed"],
    ["--path=/a,/a", "the same path is there twice"],
    ["--path=/a?b", "no query"],
    ["--health-path=", 'a path starts with "/"'],
    ["--http_broadcast_path=x", 'a path starts with "/"'],
    ["--metrics_http=metrics", 'a path starts with "/"'],
    ["--metrics_rotate_interval=0", "from 1 to 2147483 (s)"],
    ["--statsd_max_packet_size=99", "from 100 to 65507 (bytes)"],
    ["--statsd_prefix=a:b", "blanks and : | @ # are not allowed"],
    ["--statsd_host=http://stats:8125", 'is "http://stats:8125", but takes host:port'],
    ["--statsd_host=:8125", "takes host:port"],
    ["--statsd_host=stats:65536", "takes host:port"],
    ["--statsd_host=::1", "takes host:port"],
    ["--tracing=jaeger", "one of none, otlp"],
    ["--host=", "0.0.0.0 or :: listens on every interface"],
    ["--host=http://x", "without scheme, path or port"],
    ["--headers=Cookie,X Y", '"x y" is no name of a header'],
    ["--node_id=a b", "blanks and control characters are not allowed"],
    ["--rpc_host=", "can't be empty"],
    ["--redis_channel=", "can't be empty"],
    ["--broadcast_adapter=", "can't be empty"],
  ])("%s stops the start", (argument, reason) => {
    const { code, message } = refusal({ argv: [argument] });
    expect(code).toBe("config.invalid_value");
    expect(message).toContain(reason);
    expect(message.startsWith(argument.split("=")[0]!)).toBe(true);
  });

  it.each([
    ["[server]\nport = 8080.5\n", "server.port in /app/ropeway.toml is 8080.5"],
    ["[server]\nport = 99999999999999999999\n", "is 99999999999999999999, but takes a whole number"],
    ["[server]\nport = nan\n", "is NaN, but takes a whole number"],
    ["[server]\nport = true\n", "is true, but takes a whole number"],
    ["[server]\nport = 2026-01-01\n", "is a date, but takes"],
    ["[server]\nport = [1]\n", "is an array, but takes"],
    ["[server]\nhost = 1\n", "is 1, but takes text"],
    ["noauth = 1\n", "is 1, but takes true or false"],
    ['noauth = "true"\n', 'is "true", but takes true or false'],
    ["[ws]\npaths = [1]\n", "is an array, but takes a list"],
    ["[ws]\npaths = 1\n", "is 1, but takes a list"],
    ["[metrics]\ntags = 1\n", "is 1, but takes a list of name:value"],
    ["[metrics.tags]\nenv = 1\n", "is a table, but takes a list of name:value"],
    ["server = 1\n", "server in /app/ropeway.toml is a table, not a value: [server]"],
    ["[[server]]\nport = 1\n", "server in /app/ropeway.toml is a table, not a value: [server]"],
  ])("in the file, %j, stops the start", (text, reason) => {
    expect(toml(text)).toContain(reason);
  });

  it("is looked at even when a stronger source has a good one", () => {
    expect(refusal({ env: { ANYCABLE_PORT: "abc" }, argv: ["--port=1"] }).message).toContain("ANYCABLE_PORT");
  });

  it("may come from Kubernetes, and then the line says so", () => {
    expect(refusal({ env: { ANYCABLE_PORT: "tcp://10.0.0.1:8080" } }).message).toMatch(/Kubernetes.*enableServiceLinks/u);
  });

  it("that is missing is asked for", () => {
    expect(flag("--port")).toBe("--port needs a value: a whole number from 0 to 65535");
  });

  it("that is long is cut", () => {
    expect(flag(`--port=${"9".repeat(5000)}`).length).toBeLessThan(200);
  });
});

describe("a file", () => {
  it("that is named and not there stops the start", () => {
    expect(refusal({ argv: ["--config-path", "x.toml"] })).toEqual({
      code: "config.unreadable_file",
      message: "--config-path: there is no file /app/x.toml",
    });
    expect(refusal({ argv: ["--rpc_tls_root_ca=/ca.pem"] })).toEqual({
      code: "config.unreadable_file",
      message: '--rpc_tls_root_ca: there is no file "/ca.pem"',
    });
    expect(refusal({ argv: ["--rpc_tls_root_ca=ca.pem"], files: { "/app/ca.pem": "x" } }).message).toContain("no certificate");
  });

  it("that is no TOML is named with line and column, and nothing of its text", () => {
    const { code, message } = refusal({ files: { "/app/anycable.toml": 'secret = "s3cr3t"\nbroadcast_key = "s3cr3t\n' } });
    expect(code).toBe("config.unreadable_file");
    expect(message).toMatch(/^\/app\/anycable\.toml line 2, column \d+: /u);
    expect(message).not.toContain("s3cr3t");
    expect(toml("[server]\nport = 1\nport = 2\n")).toContain("line 3");
  });
});

describe("contradictions", () => {
  it("between two spellings in one source stop the start", () => {
    expect(toml('[metrics]\nhttp = "/a"\nhttp_path = "/b"\n')).toMatch(
      /^metrics\.http in .* and metrics\.http_path in .* say different things/u,
    );
    expect(toml("[server]\nport = 1\nPort = 2\n")).toMatch(/^server\.port in .* and server\.Port in .* say different things/u);
    expect(refusal({ env: { ANYCABLE_BROADCAST_KEY: "a", ANYCABLE_HTTP_BROADCAST_SECRET: "b" } }).message).toBe(
      "ANYCABLE_BROADCAST_KEY and ANYCABLE_HTTP_BROADCAST_SECRET say different things about the same option; keep one of them",
    );
    expect(flag("--disable_disconnect", "--disconnect_mode=always")).toContain("--disconnect_mode and --disable_disconnect");
  });

  it("are none when they say the same, or stand in different sources", () => {
    expect(load({ env: { ANYCABLE_BROADCAST_KEY: "a", ANYCABLE_HTTP_BROADCAST_SECRET: "a" } }).warnings).toEqual([]);
    const { config } = load({ env: { ANYCABLE_HTTP_BROADCAST_SECRET: "old" }, files: { "/app/ropeway.toml": 'broadcast_key = "file"\n' } });
    expect(config.broadcast.http.key).toBe("old");
    expect(load({ argv: ["--disable_disconnect=false", "--disconnect_mode=always"] }).config.disconnect.mode).toBe("always");
  });

  it("of paths on one port stop the start", () => {
    expect(flag("--path=/health")).toBe("path and health-path are both /health on the same port");
    expect(flag("--readiness_path=/health")).toContain("health-path and readiness_path are both /health");
    expect(flag("--metrics_http=/cable")).toContain("path and metrics_http are both /cable");
    expect(flag("--secret=x", "--http_broadcast_path=/cable")).toContain("path and http_broadcast_path are both /cable");
    expect(() => load({ argv: ["--metrics_http=/cable", "--metrics_port=9464"] })).not.toThrow();
    expect(() => load({ argv: ["--http_broadcast_path=/cable"] })).not.toThrow();
  });
});

describe("what is not built", () => {
  it("is refused in one line for all of it", () => {
    const { code, message } = refusal({ argv: ["--sse", "--graphql_path=/graphql"], env: { ANYCABLE_PUSHER_APP_ID: "1" } });
    expect(code).toBe("config.not_built");
    expect(message).toBe(
      "--sse asks for server-sent events, ANYCABLE_PUSHER_APP_ID=1 asks for the Pusher protocol, --graphql_path=/graphql asks for GraphQL: " +
        "this version does not have that; remove it to start",
    );
  });

  it("is not refused when it is switched off, or taken back by a stronger source", () => {
    expect(() => load({ argv: ["--sse=false", "--broker=", "--presets=none", "--jwt_secret=none", "--graphql_path="] })).not.toThrow();
    expect(() => load({ argv: ["--sse=false"], env: { ANYCABLE_SSE: "true" } })).not.toThrow();
  });

  it("is never needed for --secret alone", () => {
    expect(load({ argv: ["--secret=qwerty"] })).toMatchObject({ warnings: [], notes: [] });
  });
});

describe("secrets", () => {
  const word = "s3cr3t";

  it("are in no message", () => {
    for (const argument of ["--secret", "--broadcast_key", "--redis_url", "--jwt_secret", "--jwt_previous_secrets", "--turbo_rails_key"]) {
      expect(flag(`${argument}=${word}`, word)).not.toContain(word);
    }
    for (const url of [`http://:${word}@x`, `redis://:${word}#@x`, `redis://x/${word}`, `redis://:${word}@x/a/b`, `redis://:${word}@`]) {
      const { code, message } = refusal({ env: { REDIS_URL: url } });
      expect(code).toBe("config.invalid_value");
      expect(message).toMatch(/^REDIS_URL /u);
      expect(message).not.toContain(word);
    }
    expect(toml(`secret = ["${word}"]\n`)).toBe("secret in /app/ropeway.toml has a value of the wrong kind, but takes text");
    expect(flag(`--api_secret=${word}`, word)).not.toContain(word);
    const { warnings, notes } = load({ argv: [`--http_broadcast_secret=${word}`, `--pusher_secret=${word}`, `--http_rpc_secret=${word}`] });
    expect([...warnings, ...notes].join()).not.toContain(word);
  });
});

it("a file's text is never run through anything but the parser", () => {
  expect(() => loadToml("")).not.toThrow();
  expect(() => loadToml("# only a comment")).not.toThrow();
  expect(() => loadToml("[server]\n[rpc]\n")).not.toThrow();
});
