import { CableError } from "../errors.ts";
import { readRedisUrl, readRpcHost } from "./addresses.ts";
import type { Config, Listen } from "./config.ts";
import type { Settings } from "./layers.ts";
import { deriveKey, realSecret } from "./secrets.ts";

/** What derivation needs besides the settings. */
export interface DeriveOptions {
  readonly settings: Settings;
  /** The text of a file that an option names; undefined when it isn't there. */
  readonly readFile: (path: string) => string | undefined;
  readonly warn: (sentence: string) => void;
}

/** Works the configuration out from the settings. @throws {CableError} `config.invalid_value`, `config.unreadable_file` */
export function deriveConfig(from: DeriveOptions): Config {
  const { settings } = from;
  const seconds = (name: string): number => settings.number(name) * 1000;
  const isPublic = settings.flag("public");
  const config: Config = {
    server: {
      host: settings.text("host"),
      port: settings.number("port"),
      allowedOrigins: settings.list("allowed_origins"),
      maxConnections: settings.number("max-conn"),
      isPublic,
      isAuthSkipped: isPublic || settings.flag("noauth"),
      healthPath: settings.text("health-path"),
      readinessPath: given(settings.text("readiness_path")),
      shutdownTimeoutMs: seconds("shutdown_timeout"),
      shutdownDelayMs: seconds("shutdown_delay"),
      nodeId: given(settings.text("node_id")),
    },
    broadcast: deriveBroadcast(settings, isPublic),
    redis: deriveRedis(settings),
    rpc: deriveRpc(from),
    disconnect: {
      mode: settings.text("disconnect_mode") as Config["disconnect"]["mode"],
      ratePerSecond: settings.number("disconnect_rate"),
      backlog: settings.number("disconnect_backlog_size"),
    },
    websocket: {
      paths: settings.list("path"),
      maxMessageBytes: settings.number("max_message_size"),
      writeTimeoutMs: seconds("ws_write_timeout"),
      maxPendingBytes: settings.number("ws_max_pending_size"),
    },
    pings: {
      intervalMs: seconds("ping_interval"),
      timestampPrecision: settings.text("ping_timestamp_precision") as Config["pings"]["timestampPrecision"],
      pongTimeoutMs: seconds("pong_timeout"),
      isNative: settings.flag("enable_native_pings"),
    },
    streams: { isPublic: isPublic || settings.flag("public_streams"), pubsubChannel: settings.text("streams.pubsub_channel") },
    logging: {
      level: settings.flag("debug") ? "debug" : (settings.text("log_level") as Config["logging"]["level"]),
      format: settings.text("log_format") as Config["logging"]["format"],
    },
    metrics: {
      httpPath: given(settings.text("metrics_http")),
      listen: listenOn(settings, settings.number("metrics_port") || settings.number("port"), settings.text("metrics_host")),
      tags: settings.tags("metrics_tags"),
    },
    limits: { maxSubscriptions: settings.number("max_subscriptions") },
  };
  refuseSharedPaths(config);
  return freeze(config);
}

function deriveBroadcast(settings: Settings, isPublic: boolean): Config["broadcast"] {
  const secret = realSecret(settings.text("secret"));
  const given = settings.text("broadcast_key");
  const derived = given === "" && secret !== undefined ? deriveKey(secret, "broadcast-cable") : undefined;
  const key = isPublic ? undefined : (realSecret(given) ?? derived);
  const port = settings.number("http_broadcast_port") || (key === undefined ? 8090 : settings.number("port"));
  return {
    adapters: settings.list("broadcast_adapter") as Config["broadcast"]["adapters"],
    http: {
      listen: listenOn(settings, port, ""),
      path: settings.text("http_broadcast_path"),
      key,
      cors: settings.flag("http_broadcast_cors"),
      maxBodyBytes: settings.number("http_broadcast_max_body_size"),
    },
    redisChannel: settings.text("redis_channel"),
  };
}

function deriveRedis(settings: Settings): Config["redis"] {
  const isUsed = settings.list("broadcast_adapter").includes("redis");
  const given = settings.text("redis_url");
  const address = readRedisUrl(given);
  // Hosts set REDIS_URL for everybody: what is wrong with it matters when it is ours to use.
  if ("problem" in address && isUsed)
    throw new CableError("config.invalid_value", `${settings.get("redis_url").origin} ${address.problem}`);
  return {
    url: "problem" in address ? given : address.url,
    tlsVerify: settings.flag("redis_tls_verify"),
    isRequired: isUsed && (settings.isGiven("redis_url") || settings.isGiven("broadcast_adapter")),
  };
}

function deriveRpc({ settings, readFile, warn }: DeriveOptions): Config["rpc"] {
  const implementation = settings.flag("norpc") || settings.text("rpc_impl") === "none" ? "none" : "grpc";
  const host = settings.text("rpc_host");
  const isTls = settings.flag("rpc_enable_tls") || settings.text("rpc_tls_root_ca") !== "";
  if (implementation === "grpc") {
    const address = readRpcHost(host);
    const { origin } = settings.get("rpc_host");
    if ("problem" in address) throw new CableError("config.invalid_value", `${origin} ${address.problem}`);
    if (!address.hasPort) warn(`${origin} has no port, so calls go to port 443`);
    if (settings.number("rpc_concurrency") === 0)
      warn("The adaptive limit of RPC calls is not built yet: rpc_concurrency is 28 instead of 0");
  }
  return {
    implementation,
    host,
    concurrency: settings.number("rpc_concurrency") || 28,
    requestTimeoutMs: settings.number("rpc_request_timeout"),
    commandTimeoutMs: settings.number("rpc_command_timeout"),
    proxyHeaders: settings.list("headers"),
    proxyCookies: settings.list("proxy-cookies"),
    tls:
      isTls && implementation === "grpc" ? { verify: settings.flag("rpc_tls_verify"), rootCa: readRootCa(settings, readFile) } : undefined,
    maxReceiveBytes: settings.number("rpc_max_call_recv_size"),
    maxSendBytes: settings.number("rpc_max_call_send_size"),
  };
}

function readRootCa(settings: Settings, readFile: DeriveOptions["readFile"]): string | undefined {
  const { origin } = settings.get("rpc_tls_root_ca");
  const text = settings.text("rpc_tls_root_ca");
  if (text === "") return undefined;
  const mark = "-----BEGIN CERTIFICATE-----";
  const pem = text.includes(mark) ? text : readFile(text);
  if (pem === undefined)
    throw new CableError("config.unreadable_file", `${origin}: there is no file ${JSON.stringify(text.slice(0, 200))}`);
  if (!pem.includes(mark)) throw new CableError("config.invalid_value", `${origin} has no certificate in PEM format`);
  return pem;
}

function listenOn(settings: Settings, port: number, ownHost: string): Listen {
  const host = settings.text("host");
  const isMain = port === settings.number("port") && (ownHost === "" || ownHost === host);
  return isMain ? "main" : { host: ownHost === "" ? host : ownHost, port };
}

/** Two parts can't answer one path of one port. */
function refuseSharedPaths(config: Config): void {
  const main: Listen = "main";
  const { broadcast, metrics, server, websocket } = config;
  const uses: readonly [option: string, Listen, path: string | undefined][] = [
    ...websocket.paths.map((path): [string, Listen, string] => ["path", main, path]),
    ["health-path", main, server.healthPath],
    ["readiness_path", main, server.readinessPath],
    ["http_broadcast_path", broadcast.http.listen, broadcast.adapters.includes("http") ? broadcast.http.path : undefined],
    ["metrics_http", metrics.listen, metrics.httpPath],
  ];
  const takenBy = new Map<string, string>();
  for (const [option, listen, path] of uses) {
    if (path === undefined) continue;
    const place = JSON.stringify([listen, path]);
    const other = takenBy.get(place);
    if (other !== undefined) throw new CableError("config.invalid_value", `${other} and ${option} are both ${path} on the same port`);
    takenBy.set(place, option);
  }
}

function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) freeze(part as object);
  return Object.freeze(value);
}
