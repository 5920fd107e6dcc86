import type { Tags } from "./option.ts";

/** A port of its own, or the one that clients use. */
export type Listen = "main" | { readonly host: string; readonly port: number };

/**
 * What the server runs with: every option that works, checked, in one unit each, with what follows from others worked out. Frozen.
 */
export interface Config {
  readonly server: {
    readonly host: string;
    /** 0: any free one. */
    readonly port: number;
    /** Lower case: hosts, with port or scheme where one was given, perhaps with a `*` in front; empty: no list. */
    readonly allowedOrigins: readonly string[];
    /** 0: no limit. */
    readonly maxConnections: number;
    readonly isPublic: boolean;
    /** `noauth`, or implied by `public`. */
    readonly isAuthSkipped: boolean;
    readonly healthPath: string;
    readonly readinessPath: string | undefined;
    readonly shutdownTimeoutMs: number;
    readonly shutdownDelayMs: number;
    /** undefined: make one up. */
    readonly nodeId: string | undefined;
    /** Of every port; undefined: plain text. */
    readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined;
    /** Addresses, ranges and names of ranges, see `networks`. */
    readonly trustedProxies: readonly string[];
  };
  readonly broadcast: {
    /** Not empty, no duplicates. */
    readonly adapters: readonly ("http" | "redis")[];
    readonly http: {
      readonly listen: Listen;
      readonly path: string;
      /** What publishers show as bearer token: given, or derived from the secret; undefined: anybody may publish. */
      readonly key: string | undefined;
      readonly cors: boolean;
      readonly maxBodyBytes: number;
    };
    readonly redisChannel: string;
  };
  readonly redis: {
    /** As given, passwords inside; checked when a part uses Redis. */
    readonly url: string;
    /** Likewise; empty: `url` is where Redis is. */
    readonly sentinels: readonly string[];
    /** The files are there; their text is read when it is needed. */
    readonly tls: {
      readonly verify: boolean;
      readonly caPath: string | undefined;
      readonly certPath: string | undefined;
      readonly keyPath: string | undefined;
    };
    /** 0: never. */
    readonly checkIntervalMs: number;
    /** The operator asked for Redis, by adapter or by URL: readiness depends on it. */
    readonly isRequired: boolean;
  };
  readonly rpc: {
    readonly implementation: "grpc" | "http" | "none";
    /**
     * `host:port`, `dns:///host:port`, `grpc-list://a:1,b:2`, or another scheme of gRPC's own; for HTTP the URL as it may be shown, without
     * user, password and query.
     */
    readonly host: string;
    /** undefined: not over HTTP. `url` may have a password inside; `key` is what calls show as bearer token. */
    readonly http: { readonly url: string; readonly key: string | undefined } | undefined;
    readonly concurrency: number;
    /** For one attempt; 0: no limit of its own. */
    readonly requestTimeoutMs: number;
    /** For the whole call with its retries. */
    readonly commandTimeoutMs: number;
    /** Lower case; empty: none. */
    readonly proxyHeaders: readonly string[];
    /** Empty: all. */
    readonly proxyCookies: readonly string[];
    /** undefined: plain text. `rootCa` is PEM text; undefined: what Node.js trusts. */
    readonly tls: { readonly verify: boolean; readonly rootCa: string | undefined } | undefined;
    /** 0: 4 MiB, gRPC's default. */
    readonly maxReceiveBytes: number;
    /** 0: no limit. */
    readonly maxSendBytes: number;
  };
  readonly disconnect: {
    readonly mode: "auto" | "always" | "never";
    /** 0: no limit. */
    readonly ratePerSecond: number;
    readonly backlog: number;
  };
  readonly websocket: {
    /** Not empty. */
    readonly paths: readonly string[];
    readonly maxMessageBytes: number;
    readonly isCompressed: boolean;
    readonly writeTimeoutMs: number;
    /** 0: no limit. */
    readonly maxPendingBytes: number;
  };
  readonly pings: {
    /** 0: no pings. */
    readonly intervalMs: number;
    readonly timestampPrecision: "s" | "ms" | "ns";
    /** 0: pongs are not asked for. */
    readonly pongTimeoutMs: number;
    readonly isNative: boolean;
  };
  readonly auth: {
    /** undefined: nobody is known by a token. */
    readonly jwt:
      | {
          /** Of the query; the header is `x-<param>`. */
          readonly param: string;
          /** A client without a token is refused. */
          readonly isEnforced: boolean;
          /** The one that tokens are signed with, then those that it replaces; empty: none. */
          readonly secrets: readonly string[];
          /** PEM text with one or more keys or certificates. */
          readonly publicKeys: string | undefined;
          /** `location` is a URL or a path. */
          readonly jwks: { readonly location: string; readonly refreshIntervalMs: number } | undefined;
        }
      | undefined;
  };
  readonly streams: {
    /** `public_streams`, or implied by `public`. */
    readonly isPublic: boolean;
    readonly pubsubChannel: string;
    /** The one that names are signed with, then those that it replaces; empty: no signed streams. */
    readonly secrets: readonly string[];
    readonly whisperInSigned: boolean;
    /** undefined: the application is asked about them. `secrets` is not empty. */
    readonly turbo: { readonly secrets: readonly string[] } | undefined;
    readonly cableReady: { readonly secrets: readonly string[] } | undefined;
  };
  readonly logging: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "text" | "json";
  };
  readonly metrics: {
    /** undefined: no endpoint. */
    readonly httpPath: string | undefined;
    readonly listen: Listen;
    readonly tags: Tags;
    /** `memory_metrics`. */
    readonly hasMemoryGauges: boolean;
    /** Of the log and StatsD. */
    readonly rotateIntervalMs: number;
    /** undefined: not printed. An empty filter: all. */
    readonly log: { readonly filter: readonly string[] } | undefined;
    /** undefined: not sent. */
    readonly statsd:
      | {
          readonly host: string;
          readonly port: number;
          readonly prefix: string;
          readonly maxPacketBytes: number;
          readonly tagsFormat: "datadog" | "influxdb" | "graphite";
        }
      | undefined;
  };
  readonly tracing: {
    readonly exporter: "none" | "otlp";
  };
  readonly limits: {
    /** Per connection. */
    readonly maxSubscriptions: number;
    /** Per second; 0 = no limit. */
    readonly connection: Rates;
    /** Of all connections of an address together; 0 = no limit. */
    readonly address: { readonly rates: Rates; readonly connectsPerSecond: number; readonly connections: number };
  };
}

interface Rates {
  readonly commandsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly whispersPerSecond: number;
}
