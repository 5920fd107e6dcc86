import type { OptionGroup, OptionReader, OptionValue } from "../option.ts";

/** Redis options mean nothing, and refuse nothing, when no adapter uses Redis. */
function usesRedis(_value: OptionValue, others: OptionReader): boolean {
  return (others.value("broadcast_adapter") as readonly string[]).includes("redis");
}

const throughSentinels = "finding Redis through sentinels";
const ownCertificates = "TLS to Redis with certificates of your own";

export const redisOptions: OptionGroup = {
  title: "Redis",
  options: [
    {
      name: "redis_url",
      toml: "redis.url",
      bareVariable: "REDIS_URL",
      type: "string",
      default: "redis://localhost:6379",
      isSecret: true,
      class: "works",
      notBuiltPart: (value, others) => {
        if (typeof value !== "string" || !usesRedis(value, others)) return undefined;
        if (value.includes(",")) return "a Redis cluster";
        return value.includes("master_set=") ? throughSentinels : undefined;
      },
      text: "Redis to connect to: redis://user:password@host:port/db, or rediss:// for TLS.",
      advice:
        "Set, it makes readiness depend on Redis. A comma list (a cluster) is not built yet. Odd characters in the password are percent-encoded.",
    },
    {
      name: "redis_tls_verify",
      toml: "redis.tls_verify",
      type: "boolean",
      default: false,
      class: "works",
      text: "Verify the certificate of a rediss:// server.",
      advice: "Off as in AnyCable, for hosts that use self-signed certificates. Switch it on wherever the network is not yours.",
    },
    {
      name: "redis_keepalive_interval",
      toml: "redis.keepalive_ping_interval",
      type: "integer",
      default: 30,
      unit: "s",
      class: "no-effect",
      text: "How often AnyCable probes a silent connection. Here Redis is pinged every few seconds.",
    },
    {
      name: "redis_sentinels",
      toml: "redis.sentinels",
      type: "list",
      default: [],
      isSecret: true,
      class: "not-built",
      part: throughSentinels,
      isRefused: usesRedis,
      text: "Sentinels that know the master, host:port; the master's name is the host of `redis_url`.",
    },
    {
      name: "redis_sentinel_discovery_interval",
      toml: "redis.sentinel_discovery_interval",
      type: "integer",
      default: 30,
      unit: "s",
      class: "not-built",
      part: throughSentinels,
      isDetail: true,
      text: "How often sentinels are asked for other sentinels.",
    },
    {
      name: "redis_tls_ca_cert_path",
      toml: "redis.tls_ca_cert_path",
      type: "string",
      default: "",
      class: "not-built",
      part: ownCertificates,
      isRefused: usesRedis,
      text: "File of the authority that signed the server's certificate.",
    },
    {
      name: "redis_tls_client_cert_path",
      toml: "redis.tls_client_cert_path",
      type: "string",
      default: "",
      class: "not-built",
      part: ownCertificates,
      isRefused: usesRedis,
      text: "File of the certificate that we show.",
    },
    {
      name: "redis_tls_client_key_path",
      toml: "redis.tls_client_key_path",
      type: "string",
      default: "",
      class: "not-built",
      part: ownCertificates,
      isRefused: usesRedis,
      text: "File of its key.",
    },
    {
      name: "redis_disable_cache",
      toml: "redis.disable_cache",
      type: "boolean",
      default: false,
      class: "no-effect",
      text: "Client-side caching of AnyCable's Redis library. Nothing is cached here.",
    },
    {
      name: "redis.max_reconnect_attempts",
      toml: "redis.max_reconnect_attempts",
      only: "file",
      type: "integer",
      default: 5,
      class: "no-effect",
      text: "Ropeway never gives up a Redis that is away.",
    },
  ],
};
