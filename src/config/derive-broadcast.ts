import type { Config, Listen } from "./config.ts";
import type { DeriveOptions } from "./derive.ts";
import type { Settings } from "./layers.ts";
import { isLoopback } from "./loopback.ts";
import { deriveKey, realSecret } from "./secrets.ts";

/** How publications come in. */
export function deriveBroadcast(settings: Settings): Config["broadcast"] {
  const key = settings.flag("public") ? undefined : keyOf(settings, "broadcast_key", "broadcast-cable");
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
    redisx: {
      stream: settings.text("redisx_stream"),
      group: settings.text("redisx_group"),
      readBlockMs: settings.number("redisx_read_block_milliseconds"),
    },
    natsChannel: settings.text("nats_channel"),
  };
}

/**
 * The API is there for the same options as in AnyCable. Without a key AnyCable opens it to all clients, on the main port; here that is so for
 * `public` alone, where the main port is this machine's.
 */
export function deriveApi({ settings, warn }: DeriveOptions): Config["api"] {
  const isPublic = settings.flag("public");
  const asks = ["api_port", "api_secret", "secret", "public"].filter((name) => settings.isChanged(name) && settings.value(name) !== "none");
  if (asks.length === 0) return undefined;
  const key = keyOf(settings, "api_secret", "api-cable");
  const listen = listenOn(settings, settings.number("api_port") || settings.number("port"), settings.text("api.host"));
  if (key === undefined && listen === "main" && !(isPublic && isLoopback(settings.text("host")))) {
    if (settings.text("api_secret") !== "none") {
      const { origin } = settings.get(asks[0]!);
      warn(
        `${origin} asks for the API, which is off, because no key keeps clients out of it on the main port: set api_secret or secret, or another api_port`,
      );
    }
    return undefined;
  }
  const hosts = settings.list("api.cors_hosts");
  return {
    listen,
    path: settings.text("api_path").replace(/\/+$/u, ""),
    key,
    corsOrigins: settings.flag("api.cors_headers") ? (hosts.length > 0 ? hosts : settings.list("allowed_origins")) : undefined,
    maxBodyBytes: settings.number("http_broadcast_max_body_size"),
  };
}

/** The main port, unless port or host are others; an empty host is the main one. */
export function listenOn(settings: Settings, port: number, ownHost: string): Listen {
  const host = settings.text("host");
  const isMain = port === settings.number("port") && (ownHost === "" || ownHost === host);
  return isMain ? "main" : { host: ownHost === "" ? host : ownHost, port };
}

/** The key that was given, or that follows from the secret. */
function keyOf(settings: Settings, name: string, phrase: Parameters<typeof deriveKey>[1]): string | undefined {
  const given = settings.text(name);
  const secret = realSecret(settings.text("secret"));
  return given === "" && secret !== undefined ? deriveKey(secret, phrase) : realSecret(given);
}
