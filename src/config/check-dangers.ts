import type { Config } from "./config.ts";
import { holdsSecret } from "./check-values.ts";
import type { Environment } from "./environment.ts";
import type { Layer, Settings } from "./layers.ts";
import { isLoopback } from "./loopback.ts";
import { options } from "./schema.ts";
import { usesRedis } from "./uses.ts";
import { readRedisAddress } from "../redis/address.ts";

/** What works and is not safe. */
export interface Danger {
  /** The option to change. */
  readonly option: string;
  /** What can happen, and what to do. */
  readonly sentence: string;
}

/** What can be seen besides the configuration. */
export interface Surroundings {
  readonly settings: Settings;
  /** The command line alone. */
  readonly flags: Layer;
  readonly env: Environment;
}

/** Whatever in a valid configuration lets in, shows or trusts more than it should. */
export function dangersIn(config: Config, around: Surroundings): readonly Danger[] {
  return [
    ...accessDangers(config),
    ...publisherDangers(config),
    ...apiDangers(config),
    ...clusterDangers(config, around.settings),
    ...browserDangers(config),
    ...connectionDangers(config, around.settings),
    ...processDangers(config, around),
  ];
}

function accessDangers({ server, streams, auth }: Config): readonly Danger[] {
  if (server.isPublic) {
    return [
      {
        option: "public",
        sentence: "nobody is authenticated, every stream is open and anybody may publish over HTTP; for development only",
      },
    ];
  }
  return [
    // AnyCable's documentation says so too: enforced tokens win.
    ...(server.isAuthSkipped && auth.jwt?.isEnforced !== true
      ? [{ option: "noauth", sentence: "anybody may connect; let the application (rpc_host) or tokens (enforce_jwt) decide" }]
      : []),
    ...(streams.isPublic
      ? [
          {
            option: "public_streams",
            sentence: "whoever is connected may hear every stream whose name he knows or guesses; sign the names (secret)",
          },
        ]
      : []),
  ];
}

function publisherDangers({ broadcast: { adapters, http }, server }: Config): readonly Danger[] {
  if (!adapters.includes("http") || http.key !== undefined) return [];
  const { host, port } = http.listen === "main" ? server : http.listen;
  if (isLoopback(host)) return [];
  return [
    {
      option: "broadcast_key",
      sentence: `whoever reaches port ${port} of ${host} may publish anything to anybody: set broadcast_key or secret`,
    },
  ];
}

function apiDangers({ api, server }: Config): readonly Danger[] {
  if (api === undefined) return [];
  const dangers: Danger[] = [];
  const { host, port } = api.listen === "main" ? server : api.listen;
  if (api.key === undefined && !isLoopback(host)) {
    dangers.push({
      option: "api_secret",
      sentence: `whoever reaches port ${port} of ${host} may publish anything to anybody, and read who is there: set api_secret or secret`,
    });
  }
  if (api.corsOrigins && (api.corsOrigins.length === 0 || api.corsOrigins.includes("*"))) {
    dangers.push({
      option: "api.cors_headers",
      sentence: "pages of any site may call the API; list yours in api.cors_hosts or allowed_origins",
    });
  }
  return dangers;
}

function clusterDangers({ embeddedNats, pubsub, redis }: Config, settings: Settings): readonly Danger[] {
  const dangers: Danger[] = [];
  const doors = [
    ["enats_addr", embeddedNats?.listen],
    ["enats_cluster", embeddedNats?.cluster?.listen],
    ["enats_gateway", embeddedNats?.gateway?.listen],
  ] as const;
  for (const [option, door] of doors) {
    // Where a preset opens it, the host's network is private.
    if (door === undefined || door.login !== undefined || isLoopback(door.host) || settings.source(option) === "preset") continue;
    dangers.push({
      option,
      sentence: `whoever reaches port ${door.port} of ${door.host} may hear and publish everything: put user and password into the address, or let only your own machines reach it`,
    });
  }
  const address = pubsub.adapter === "redis" ? readRedisAddress(redis) : undefined;
  if (address !== undefined && "database" in address && address.database > 0 && redis.prefix === "") {
    dangers.push({
      option: "redis_prefix",
      sentence: `channels know no databases: applications at this Redis hear each other's streams, whatever their numbers (here ${address.database}); give each a redis_prefix of its own`,
    });
  }
  return dangers;
}

function browserDangers({ server, broadcast }: Config): readonly Danger[] {
  const { allowedOrigins, trustedProxies } = server;
  const dangers: Danger[] = [];
  if (allowedOrigins.length === 0 && trustedProxies.length > 0) {
    dangers.push({
      option: "allowed_origins",
      sentence:
        "behind a proxy that changes Host, pages of other sites can't be told from yours: list your hosts, as in www.example.com,*.example.com",
    });
  }
  if (allowedOrigins.includes("*")) {
    dangers.push({
      option: "allowed_origins",
      sentence: "a page of any site may connect with your users' cookies: list your hosts instead of *",
    });
  }
  if (broadcast.adapters.includes("http") && broadcast.http.cors && (allowedOrigins.length === 0 || allowedOrigins.includes("*"))) {
    dangers.push({ option: "http_broadcast_cors", sentence: "pages of any site may publish; list yours in allowed_origins" });
  }
  const anybody = trustedProxies.find((network) => network.endsWith("/0"));
  if (anybody !== undefined) {
    dangers.push({ option: "trusted_proxies", sentence: `${anybody} is everybody: any client can claim any address; name your proxies` });
  }
  return dangers;
}

function connectionDangers(config: Config, settings: Settings): readonly Danger[] {
  const { rpc, redis } = config;
  const dangers: Danger[] = [];
  if (rpc.tls?.verify === false) {
    dangers.push({
      option: "rpc_tls_verify",
      sentence:
        "the application's certificate is not checked, so whoever stands between decides who may connect: set rpc_tls_root_ca instead",
    });
  }
  if (
    rpc.http !== undefined &&
    rpc.http.key === undefined &&
    !rpc.http.url.includes("@") &&
    !/\/\/(?:localhost|127\.|\[::1\])/iu.test(rpc.host)
  ) {
    dangers.push({
      option: "http_rpc_secret",
      sentence: `whoever reaches ${rpc.host} can make the same calls: set http_rpc_secret or secret`,
    });
  }
  const isRedisTls = usesRedis(config) && /^(?:redis|valkey)s:/iu.test(redis.url);
  if (isRedisTls && !redis.tls.verify) {
    dangers.push({
      option: "redis_tls_verify",
      sentence: "Redis's certificate is not checked, so whoever stands between can read and change publications: set redis_tls_verify=true",
    });
  }
  const jwks = settings.text("jwt_jwks");
  if (/^http:/iu.test(jwks) && !/^http:\/\/(?:localhost|127\.|\[::1\])/iu.test(jwks)) {
    dangers.push({ option: "jwt_jwks", sentence: "keys are fetched without TLS: whoever stands between can sign tokens; use https://" });
  }
  return dangers;
}

function processDangers({ logging, metrics, server }: Config, { settings, flags, env }: Surroundings): readonly Danger[] {
  const dangers: Danger[] = [];
  const production = ["ANYCABLE_ENV", "RAILS_ENV", "RACK_ENV", "APP_ENV", "NODE_ENV"].find((name) => env[name] === "production");
  if (logging.level === "debug" && production !== undefined) {
    dangers.push({
      option: settings.flag("debug") ? "debug" : "log_level",
      sentence: `${production} is production, and debug logs hold what clients and the application say; use it for minutes, not for days`,
    });
  }
  for (const [name, { value, origin }] of flags) {
    const option = options.find((candidate) => candidate.name === name)!;
    if (!holdsSecret(option, value)) continue;
    dangers.push({
      option: name,
      sentence: `${origin} shows a secret to everybody on this machine, in the list of processes (ps): use its variable`,
    });
  }
  if (metrics.httpPath !== undefined && metrics.listen === "main" && !isLoopback(server.host)) {
    dangers.push({ option: "metrics_http", sentence: "clients can read the metrics, on the port that they connect to: set metrics_port" });
  }
  for (const name of ["secret", "broadcast_key", "api_secret", "streams_secret", "jwt_secret", "http_rpc_secret"]) {
    const text = settings.text(name);
    if (text === "" || text === "none" || text.length >= 16) continue;
    dangers.push({ option: name, sentence: "short enough to be guessed: take 32 random characters (openssl rand -hex 32)" });
  }
  return dangers;
}
