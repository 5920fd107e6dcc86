import { CableError } from "../errors.ts";
import type { Config, Listen } from "./config.ts";
import { deriveApi, deriveBroadcast, listenOn } from "./derive-broadcast.ts";
import { deriveBroker, derivePubsub } from "./derive-broker.ts";
import { deriveEmbeddedNats, deriveNats } from "./derive-nats.ts";
import { deriveAuth, deriveStreams } from "./derive-auth.ts";
import { deriveMetrics } from "./derive-metrics.ts";
import { deriveRedis } from "./derive-redis.ts";
import { deriveRpc } from "./derive-rpc.ts";
import type { Settings } from "./layers.ts";

/** What derivation needs besides the settings. */
export interface DeriveOptions {
  readonly settings: Settings;
  /** The text of a file that an option names; undefined when it isn't there. */
  readonly readFile: (path: string) => string | undefined;
  /** The absolute path of a program, named as in a shell; undefined when there is none that we may run. */
  readonly findProgram: (name: string) => string | undefined;
  readonly warn: (sentence: string) => void;
}

/** Works the configuration out from the settings. @throws {CableError} `config.invalid_value`, `config.unreadable_file` */
export function deriveConfig(from: DeriveOptions): Config {
  const { settings } = from;
  const seconds = (name: string): number => settings.number(name) * 1000;
  const isPublic = settings.flag("public");
  const broker = deriveBroker(settings);
  const embeddedNats = deriveEmbeddedNats(from);
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
      tls: deriveTls(settings),
      trustedProxies: settings.list("trusted_proxies"),
    },
    broadcast: deriveBroadcast(settings),
    api: deriveApi(from),
    pubsub: derivePubsub(from),
    broker,
    redis: deriveRedis(from),
    nats: deriveNats(from, embeddedNats),
    embeddedNats,
    rpc: deriveRpc(from),
    disconnect: {
      mode: settings.text("disconnect_mode") as Config["disconnect"]["mode"],
      graceMs: Math.min(seconds("disconnect_grace"), broker.sessionsTtlMs),
      ratePerSecond: settings.number("disconnect_rate"),
      backlog: settings.number("disconnect_backlog_size"),
    },
    websocket: {
      paths: settings.list("path"),
      maxMessageBytes: settings.number("max_message_size"),
      isCompressed: settings.flag("enable_ws_compression"),
      writeTimeoutMs: seconds("ws_write_timeout"),
      maxPendingBytes: settings.number("ws_max_pending_size"),
    },
    pings: {
      intervalMs: seconds("ping_interval"),
      timestampPrecision: settings.text("ping_timestamp_precision") as Config["pings"]["timestampPrecision"],
      pongTimeoutMs: seconds("pong_timeout"),
      isNative: settings.flag("enable_native_pings"),
    },
    auth: deriveAuth(from),
    streams: deriveStreams(from),
    logging: {
      level: settings.flag("debug") ? "debug" : (settings.text("log_level") as Config["logging"]["level"]),
      format: settings.text("log_format") as Config["logging"]["format"],
    },
    metrics: deriveMetrics(
      settings,
      listenOn(settings, settings.number("metrics_port") || settings.number("port"), settings.text("metrics_host")),
    ),
    tracing: { exporter: settings.text("tracing") as Config["tracing"]["exporter"] },
    limits: {
      maxSubscriptions: settings.number("max_subscriptions"),
      connection: {
        commandsPerSecond: settings.number("max_commands_per_second"),
        bytesPerSecond: settings.number("max_bytes_per_second"),
        whispersPerSecond: settings.number("max_whispers_per_second"),
      },
      address: {
        rates: {
          commandsPerSecond: settings.number("max_address_commands_per_second"),
          bytesPerSecond: settings.number("max_address_bytes_per_second"),
          whispersPerSecond: settings.number("max_address_whispers_per_second"),
        },
        connectsPerSecond: settings.number("max_address_connects_per_second"),
        connections: settings.number("max_address_connections"),
      },
    },
  };
  refuseSharedPaths(config);
  return freeze(config);
}

function deriveTls(settings: Settings): Config["server"]["tls"] {
  const [cert, key] = [settings.get("ssl_cert"), settings.get("ssl_key")];
  if (cert.value === "" && key.value === "") return undefined;
  // AnyCable serves plain text then, without a word.
  if (cert.value === "") throw new CableError("config.invalid_value", `${key.origin} is set without ssl_cert: TLS needs both`);
  if (key.value === "") throw new CableError("config.invalid_value", `${cert.origin} is set without ssl_key: TLS needs both`);
  return { certPath: settings.text("ssl_cert"), keyPath: settings.text("ssl_key") };
}

/** Two parts can't answer one path of one port. */
function refuseSharedPaths(config: Config): void {
  const main: Listen = "main";
  const { api, broadcast, metrics, server, websocket } = config;
  const uses: readonly [option: string, Listen, path: string | undefined][] = [
    ...websocket.paths.map((path): [string, Listen, string] => ["path", main, path]),
    ["health-path", main, server.healthPath],
    ["readiness_path", main, server.readinessPath],
    ["http_broadcast_path", broadcast.http.listen, broadcast.adapters.includes("http") ? broadcast.http.path : undefined],
    ["metrics_http", metrics.listen, metrics.httpPath],
    ["the API's publish", api?.listen ?? main, api && `${api.path}/publish`],
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
