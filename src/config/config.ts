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
    /** `redis://` or `rediss://`; has the password inside. */
    readonly url: string;
    readonly tlsVerify: boolean;
    /** The operator asked for Redis, by adapter or by URL: readiness depends on it. */
    readonly isRequired: boolean;
  };
  readonly rpc: {
    readonly implementation: "grpc" | "none";
    /** `host:port`, `dns:///host:port`, `grpc-list://a:1,b:2`, or another scheme of gRPC's own. */
    readonly host: string;
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
    /** 0: gRPC's default of 4 MiB. */
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
  readonly streams: {
    /** `public_streams`, or implied by `public`. */
    readonly isPublic: boolean;
    readonly pubsubChannel: string;
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
  };
  readonly limits: {
    /** Per connection. */
    readonly maxSubscriptions: number;
  };
}
