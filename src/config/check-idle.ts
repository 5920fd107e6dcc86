import type { Config } from "./config.ts";
import type { Settings } from "./layers.ts";
import { options } from "./schema.ts";
import { usesNats, usesRedis } from "./uses.ts";

interface Rule {
  /** Names, or their beginnings with a `*` behind. */
  readonly of: readonly string[];
  readonly isIdle: boolean;
  readonly because: string;
}

/** Options that work, are set, and change nothing in this configuration. */
export function idleIn(config: Config, settings: Settings): readonly string[] {
  return rulesFor(config).flatMap(({ of, isIdle, because }) => {
    if (!isIdle) return [];
    const names = options.filter(
      ({ name, class: kind }) => kind === "works" && isSet(name, settings) && of.some((rule) => fits(name, rule)),
    );
    return names.length === 0 ? [] : [`${names.map(({ name }) => name).join(", ")}: no effect, because ${because}`];
  });
}

/** A printed file holds every default, and a preset more than it needs. */
function isSet(name: string, settings: Settings): boolean {
  const source = settings.source(name);
  return source === "file" ? settings.isChanged(name) : source === "environment" || source === "flag";
}

function rulesFor(config: Config): readonly Rule[] {
  return [...rulesForMedia(config), ...rulesForEmbeddedNats(config), ...rulesForParts(config)];
}

/** Where publications come from, are kept, and go. */
function rulesForMedia(config: Config): readonly Rule[] {
  const { api, broadcast, broker, pubsub } = config;
  const withoutAdapter = (adapter: Config["broadcast"]["adapters"][number], ...of: readonly string[]): Rule => ({
    of,
    isIdle: !broadcast.adapters.includes(adapter),
    because: `broadcast_adapter has no ${adapter}`,
  });
  const reaches = (medium: "redis" | "nats"): boolean => pubsub.adapter === medium || broker.adapter === medium;
  return [
    withoutAdapter("http", "http_broadcast_port", "http_broadcast_path", "http_broadcast_cors", "broadcast_key"),
    withoutAdapter("redis", "redis_channel"),
    withoutAdapter("redisx", "redisx_*"),
    withoutAdapter("nats", "nats_channel"),
    {
      of: ["redis_url", "redis_sentinel*", "redis_tls_*"],
      isIdle: !usesRedis(config),
      because: "nothing uses Redis (broadcast_adapter, broker, pubsub)",
    },
    {
      of: ["nats_servers", "nats_dont_randomize_servers", "embed_nats"],
      isIdle: !usesNats(config),
      because: "nothing uses NATS (broadcast_adapter, broker, pubsub)",
    },
    { of: ["redis_prefix"], isIdle: !reaches("redis"), because: "neither pubsub nor broker is redis" },
    { of: ["nats_replicas"], isIdle: broker.adapter !== "nats", because: "broker is not nats" },
    { of: ["nats_prefix"], isIdle: !reaches("nats"), because: "neither pubsub nor broker is nats" },
    { of: ["redis_pubsub.channel"], isIdle: pubsub.adapter !== "redis", because: "pubsub is not redis" },
    { of: ["nats_pubsub.channel"], isIdle: pubsub.adapter !== "nats", because: "pubsub is not nats" },
    {
      of: ["history_*", "sessions_ttl", "presence_ttl", "broker.streams", "streams_presence"],
      isIdle: broker.adapter === "none",
      because: "there is no broker",
    },
    {
      of: ["disconnect_grace"],
      isIdle: broker.adapter === "none" || broker.sessionsTtlMs === 0,
      because: "no session can be restored (broker, sessions_ttl)",
    },
    { of: ["api_*", "api.*"], isIdle: api === undefined, because: "there is no API (api_port, api_secret, secret)" },
    { of: ["api.cors_hosts"], isIdle: api !== undefined && api.corsOrigins === undefined, because: "api.cors_headers is off" },
  ];
}

function rulesForEmbeddedNats({ embeddedNats }: Config): readonly Rule[] {
  if (embeddedNats === undefined) return [{ of: ["enats_*", "embedded_nats.*"], isIdle: true, because: "embed_nats is off" }];
  const { cluster, gateway, jetStream } = embeddedNats;
  return [
    { of: ["enats_cluster_routes"], isIdle: cluster === undefined, because: "enats_cluster names no address for a cluster" },
    { of: ["enats_gateway_advertise", "enats_gateways"], isIdle: gateway === undefined, because: "enats_gateway names no address" },
    {
      of: ["enats_store_dir", "embedded_nats.jetstream_ready_timeout"],
      isIdle: jetStream === undefined,
      because: "JetStream is off (broker=nats, embedded_nats.jetstream)",
    },
  ];
}

function rulesForParts({ rpc, metrics, server, auth, streams }: Config): readonly Rule[] {
  return [
    { of: ["broadcast_key"], isIdle: server.isPublic, because: "public takes every key out of use" },
    {
      of: ["rpc_*", "http_rpc_*", "headers", "proxy-cookies", "disconnect_*", "fly_rpc_app_name"],
      isIdle: rpc.implementation === "none",
      because: "there is no application to ask (norpc, rpc_impl)",
    },
    {
      of: ["rpc_tls_verify"],
      isIdle: rpc.implementation !== "none" && rpc.tls === undefined,
      because: "the application is called without TLS (rpc_enable_tls, https://)",
    },
    { of: ["http_rpc_secret"], isIdle: rpc.implementation === "grpc", because: "the application is called over gRPC" },
    {
      of: ["metrics_host", "metrics_port"],
      isIdle: metrics.httpPath === undefined,
      because: "metrics_http names no path to serve metrics at",
    },
    {
      of: ["statsd_prefix", "statsd_max_packet_size", "statsd_tags_format"],
      isIdle: metrics.statsd === undefined,
      because: "statsd_host names no server",
    },
    { of: ["metrics_log_filter"], isIdle: metrics.log === undefined, because: "metrics_log is off" },
    {
      of: ["jwt_param"],
      isIdle: auth.jwt === undefined,
      because: "nothing verifies tokens (jwt_secret, jwt_public_key, jwt_jwks, secret)",
    },
    { of: ["noauth"], isIdle: auth.jwt?.isEnforced === true, because: "enforce_jwt asks for tokens" },
    { of: ["turbo_streams_*"], isIdle: streams.turbo === undefined, because: "turbo_streams is off" },
    { of: ["cable_ready_*"], isIdle: streams.cableReady === undefined, because: "cable_ready is off" },
  ];
}

function fits(name: string, rule: string): boolean {
  return rule.endsWith("*") ? name.startsWith(rule.slice(0, -1)) : name === rule;
}
