import type { Config } from "./config.ts";
import type { Settings } from "./layers.ts";
import { options } from "./schema.ts";

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
      ({ name, class: kind }) => kind === "works" && settings.isGiven(name) && of.some((rule) => fits(name, rule)),
    );
    return names.length === 0 ? [] : [`${names.map(({ name }) => name).join(", ")}: no effect, because ${because}`];
  });
}

function rulesFor({ broadcast, rpc, metrics, server, auth, streams }: Config): readonly Rule[] {
  return [
    { of: ["redis_*"], isIdle: !broadcast.adapters.includes("redis"), because: "broadcast_adapter has no redis" },
    {
      of: ["http_broadcast_*", "broadcast_key"],
      isIdle: !broadcast.adapters.includes("http"),
      because: "broadcast_adapter has no http",
    },
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
