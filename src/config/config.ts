import type { ListenAddress } from "./addresses.ts";
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
    readonly adapters: readonly ("http" | "redis" | "redisx" | "nats")[];
    readonly http: {
      readonly listen: Listen;
      readonly path: string;
      /** What publishers show as bearer token: given, or derived from the secret; undefined: anybody may publish. */
      readonly key: string | undefined;
      readonly cors: boolean;
      readonly maxBodyBytes: number;
    };
    /** Of the adapter `redis`. */
    readonly redisChannel: string;
    readonly redisx: { readonly stream: string; readonly group: string; readonly readBlockMs: number };
    /** Of the adapter `nats`: a subject. */
    readonly natsChannel: string;
  };
  /** undefined: no API. */
  readonly api:
    | {
        readonly listen: Listen;
        /** Without a slash at the end: what is behind it begins with one. May be empty. */
        readonly path: string;
        /** What callers show as bearer token: given, or derived from the secret; undefined: anybody may call. */
        readonly key: string | undefined;
        /** undefined: none. Empty: any. */
        readonly corsOrigins: readonly string[] | undefined;
        readonly maxBodyBytes: number;
      }
    | undefined;
  /** How nodes reach each other, chosen already. */
  readonly pubsub: {
    /** `local`: not at all. */
    readonly adapter: "local" | "redis" | "nats";
    /** For what nodes tell each other. `redis.prefix` comes in front of it, and of names of streams. Never the channel of a broadcaster. */
    readonly redisChannel: string;
    /** In a cluster of Redis 7 or newer a publication goes to the one node that has its stream. */
    readonly redisSharded: boolean;
    /** Likewise a subject, behind `nats.prefix`. */
    readonly natsChannel: string;
  };
  readonly broker: {
    readonly adapter: "none" | "memory" | "redis" | "nats";
    /** Per stream; 0: nothing is kept, and then the next is 0 too, and the other way round. */
    readonly historyLimit: number;
    /** May be years, longer than a timer can wait. */
    readonly historyTtlMs: number;
    /** 0: sessions can't be restored. May be years. */
    readonly sessionsTtlMs: number;
    /** More than 0. */
    readonly presenceTtlMs: number;
    /** For some streams: the first whose pattern fits (`internal/wildcard.ts`) counts instead of the above. */
    readonly streams: readonly {
      readonly pattern: string;
      readonly historyLimit: number;
      readonly historyTtlMs: number;
      readonly presence: boolean;
    }[];
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
    /** Of all channels and keys of pub/sub and broker; not of the application's channel and stream. May be empty. */
    readonly prefix: string;
    /** The operator asked for Redis, by adapter or by URL: readiness depends on it. */
    readonly isRequired: boolean;
  };
  readonly nats: {
    /** URLs, perhaps with user and password or token inside; checked when a part uses NATS. That of the embedded server when it is to be used. */
    readonly servers: readonly string[];
    /** Whether they are tried in random order. */
    readonly isRandomized: boolean;
    /** Of all subjects, streams and buckets of pub/sub and broker; not of the application's subject. May be empty; letters, digits, - and _. */
    readonly prefix: string;
    /** On how many servers of a cluster the broker keeps everything. */
    readonly replicas: number;
    /** A part uses NATS: readiness depends on it. */
    readonly isRequired: boolean;
  };
  /** undefined: none. */
  readonly embeddedNats: EmbeddedNats | undefined;
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
    /** For clients that can be restored; 0: at once. Not longer than they can be. */
    readonly graceMs: number;
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
    readonly presenceInSigned: boolean;
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

/** A NATS server of our own. */
export interface EmbeddedNats {
  /** Absolute path of the program, which was there when the configuration was read. */
  readonly binary: string;
  /** undefined: make one up. */
  readonly serverName: string | undefined;
  readonly listen: ListenAddress;
  /** undefined: alone. `routes` are URLs of other members. */
  readonly cluster: { readonly name: string; readonly listen: ListenAddress; readonly routes: readonly string[] } | undefined;
  /** undefined: none. `name` is the cluster's; `advertise` is host:port. */
  readonly gateway:
    | {
        readonly name: string;
        readonly listen: ListenAddress;
        readonly advertise: string | undefined;
        readonly remotes: readonly { readonly name: string; readonly urls: readonly string[] }[];
      }
    | undefined;
  /** undefined: off. `storeDir` undefined: a temporary one. */
  readonly jetStream: { readonly storeDir: string | undefined; readonly readyTimeoutMs: number } | undefined;
  /** 0: NATS's default, 1 MiB. */
  readonly maxPayloadBytes: number;
  readonly isDebug: boolean;
  readonly isTrace: boolean;
}

interface Rates {
  readonly commandsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly whispersPerSecond: number;
}
