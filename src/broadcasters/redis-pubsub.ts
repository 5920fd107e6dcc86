import { createClient } from "@redis/client";
import type { Clock, Timer } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { backoffMs } from "../internal/backoff.ts";
import type { Logger } from "../logger.ts";
import type { AcceptBroadcast, Broadcaster, BroadcasterState } from "./broadcaster.ts";
import { parseRedisUrl, type RedisAddress } from "./redis-url.ts";

export interface RedisPubsubBroadcasterOptions {
  /** `redis://` or `rediss://` with user and password; a comma list = the nodes of a cluster, tried in turn. */
  readonly url: string;
  /** AnyCable's default is `__anycable__`. */
  readonly channel: string;
  /** Check the server's certificate. AnyCable's default is not to. */
  readonly tlsVerify: boolean;
  /** PEM text of what `redis_tls_ca_cert_path` and its siblings name. */
  readonly tlsFiles?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** False for a default address where there may be nothing: it is tried all the same, and readiness does not depend on it. */
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the back-off: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /**
   * Milliseconds between pings; a connection that is silent for three times as long is given up. Default 5,000. Lower only where Redis
   * never blocks on long scripts.
   */
  readonly pingIntervalMs?: number;
}

/**
 * Takes publications from a Redis channel, as `PUBLISH __anycable__ …` sends them. Every node hears all. What is published while Redis or
 * the connection is away is lost: that is the nature of Redis pub/sub. In a cluster, one node is enough: they pass publications on.
 * @throws {CableError} `config.invalid_value`, `config.not_built` for a bad `url`.
 */
export function redisPubsubBroadcaster(options: RedisPubsubBroadcasterOptions): Broadcaster {
  return new RedisPubsubBroadcaster(options);
}

type Client = ReturnType<typeof newClient>;

/** Connections that broke sooner than this after they were made count as failed attempts: Redis may be refusing us, politely. */
const stableAfterMs = 5_000;

// node-redis could reconnect by itself, but starts over at once, without any wait, whenever a connection was ready for a moment. Here each
// connection is used once, and being connected means being subscribed.
class RedisPubsubBroadcaster implements Broadcaster {
  readonly name = "redis";
  readonly reach = "every";
  readonly #options: RedisPubsubBroadcasterOptions;
  readonly #address: RedisAddress;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #accept: AcceptBroadcast | undefined;
  #client: Client | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #nextHost = 0;
  #isConnected = false;
  #sinceMs: number;
  #isAwayLogged = false;
  #hasBeenConnected = false;

  constructor(options: RedisPubsubBroadcasterOptions) {
    this.#options = options;
    this.#address = parseRedisUrl(options.url);
    this.#clock = options.clock;
    this.#logger = options.logger.child({ redis: this.#address.display });
    this.#sinceMs = options.clock.monotonicMs();
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#accept = accept;
    this.#sinceMs = this.#clock.monotonicMs();
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#accept = undefined;
    this.#retry?.cancel();
    this.#drop();
    this.#setConnected(false);
  }

  state(): BroadcasterState {
    return {
      isConnected: this.#isConnected,
      isRequired: this.#options.isRequired,
      sinceMs: this.#sinceMs,
      target: this.#address.display,
    };
  }

  #connect(): void {
    const { hosts } = this.#address;
    const client = newClient(this.#options, this.#address, hosts[this.#nextHost++ % hosts.length]!);
    this.#client = client;
    client.on("error", (error) => this.#lost(client, error));
    this.#subscribe(client).catch((error: unknown) => this.#lost(client, error));
  }

  async #subscribe(client: Client): Promise<void> {
    await client.connect();
    if (client !== this.#client) {
      // Given up while it was connecting, when node-redis could not destroy it yet.
      client.destroy();
      return;
    }
    await client.subscribe(this.#options.channel, (body) => this.#received(body));
    if (client !== this.#client) return;
    this.#setConnected(true);
    this.#logger.info(this.#hasBeenConnected ? "Redis is back" : "Taking publications from Redis", { channel: this.#options.channel });
    this.#hasBeenConnected = true;
    this.#isAwayLogged = false;
  }

  #lost(client: Client, error: unknown): void {
    if (client !== this.#client) return;
    this.#drop();
    if (this.#isConnected && this.#clock.monotonicMs() - this.#sinceMs >= stableAfterMs) this.#failures = 0;
    const waitMs = backoffMs(this.#failures++, this.#options.random ?? Math.random);
    this.#logAway(reasonOf(error), waitMs);
    this.#setConnected(false);
    this.#retry = this.#clock.after(waitMs, () => this.#connect());
  }

  #logAway(reason: string, waitMs: number): void {
    if (this.#isAwayLogged) {
      this.#logger.debug("Redis is still away", { error: reason, retry_in_ms: Math.round(waitMs) });
      return;
    }
    this.#isAwayLogged = true;
    if (this.#isConnected) this.#logger.warn("Redis is lost; trying to get it back", { error: reason });
    else if (this.#options.isRequired) this.#logger.warn("Redis can't be reached; trying on", { error: reason });
    else this.#logger.info("There is no Redis at the default address; trying on in the background", { error: reason });
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.destroy();
  }

  #setConnected(isConnected: boolean): void {
    if (isConnected === this.#isConnected) return;
    this.#isConnected = isConnected;
    this.#sinceMs = this.#clock.monotonicMs();
  }

  /** Never throws: node-redis would take that for a broken stream. */
  #received(body: string): void {
    try {
      const accepted = this.#accept?.(body);
      if (accepted) accepted.catch((error: unknown) => this.#refused(error));
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    this.#logger.warn("A publication from Redis was not accepted", { error: messageOf(error) });
  }
}

/** The return type is node-redis's own: it derives it from the options. */
function newClient(
  { tlsVerify, tlsFiles, pingIntervalMs = 5_000 }: RedisPubsubBroadcasterOptions,
  { isTls, username, password }: RedisAddress,
  host: { readonly host: string; readonly port: number },
) {
  const socket = { ...host, reconnectStrategy: false, socketTimeout: 3 * pingIntervalMs } as const;
  return createClient({
    // RESP2 is what every version, fork and proxy speaks.
    RESP: 2,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    pingInterval: pingIntervalMs,
    maintNotifications: "disabled",
    socket: isTls ? { ...socket, ...tlsFiles, tls: true, rejectUnauthorized: tlsVerify } : socket,
  });
}

/** Node throws one error for all addresses of a name, with an empty message. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join("; ") : messageOf(error);
}
