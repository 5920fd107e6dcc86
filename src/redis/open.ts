import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { endpointsOf, hostsOf, redisAddress, type RedisAddress, type RedisEndpoint } from "./address.ts";
import type { RedisClient, RedisIdentity } from "./client.ts";
import { RedisConnection, type RedisConnectionEvents, type RedisConnectionState } from "./connection.ts";
import { hashSlot } from "./hash-slot.ts";
import type { RedisLocator } from "./locator.ts";
import { SentinelsLocator, type SentinelsLocatorOptions } from "./sentinels.ts";
import { ServersLocator } from "./servers.ts";
import { SlotOwnerLocator } from "./slot-owner.ts";
import { tlsConnectOptions, type RedisTlsOptions } from "./tls.ts";

/** Which Redis, and how to get there. All parts that use Redis are given the same. */
export interface RedisOptions {
  /**
   * `redis://user:password@host:port/db`, `rediss://` for TLS, `unix:///path?db=0` for a socket; a comma list = nodes of a cluster.
   * With `sentinels` its host is the name of the master.
   */
  readonly url: string;
  /** `host:port`, or URLs with the sentinels' own user and password. Default none: `url` is where Redis is. */
  readonly sentinels?: readonly string[];
  readonly tls?: RedisTlsOptions;
  /**
   * Milliseconds between questions to sentinels who is master, or to a cluster's node whether it still has its cluster. Default 30,000.
   * A lost connection and a sentinel's announcement are acted upon at once, so lower it only where those may not come through. 0 = never.
   */
  readonly checkIntervalMs?: number;
}

export interface RedisOpening {
  readonly redis: RedisOptions;
  /** Makes a new connection fit for use: subscribes, say. The connection counts as made when this resolves; when it rejects, it is tried again. */
  readonly prepare: (client: RedisClient, endpoint: RedisEndpoint, identity: RedisIdentity) => Promise<unknown>;
  /** In a cluster the connection is to the master that has this key. Default: any node will do, as for pub/sub. */
  readonly key?: string;
  /** Selects the database of the URL. Default false: pub/sub does not know databases. */
  readonly usesDatabase?: boolean;
  /** False for a default address where there may be nothing: it is tried all the same, and not complained about. */
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the back-off: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /**
   * Milliseconds between pings; a server that answers none of three is given up. Default 5,000. Lower only where Redis never blocks on
   * long scripts.
   */
  readonly pingIntervalMs?: number;
}

/** A connection to Redis that is made again for ever, to whichever server is the right one. */
export interface OpenedRedis {
  readonly display: string;
  /** What is connected and prepared just now. It may break at any time, and its commands then reject. */
  readonly client: RedisClient | undefined;
  readonly state: RedisConnectionState;
  start(): void;
  stop(): void;
  /** This connection is no good, whatever it looks like: it is replaced, as if it had broken. One that is replaced already stays so. */
  giveUp(client: RedisClient, why: unknown): void;
}

/**
 * What every part that uses Redis starts with.
 * @throws {CableError} `config.invalid_value`, `config.unreadable_file`: a wrong address, or files for TLS that are not as they should be.
 */
export function openRedis(opening: RedisOpening): OpenedRedis {
  const { redis, prepare, usesDatabase = false, isRequired, clock, random = Math.random, pingIntervalMs = 5_000 } = opening;
  const { tls = {}, checkIntervalMs = 30_000 } = redis;
  const address = redisAddress(redis);
  const logger = opening.logger.child({ redis: address.display });
  const names = hostsOf(address);
  if (hasTls(address)) tlsConnectOptions(tls, "", []);
  const shared = { tls, names, clock, random };
  const locator = locatorOf(address, opening, { ...shared, checkIntervalMs, pingIntervalMs, logger });
  const connection = new RedisConnection({
    ...shared,
    locator,
    prepare,
    pingIntervalMs,
    database: usesDatabase ? address.database : undefined,
    told: teller(logger, isRequired),
  });
  return {
    display: address.display,
    get client() {
      return connection.client;
    },
    get state() {
      return connection.state;
    },
    start: () => connection.start(),
    stop: () => connection.stop(),
    giveUp: (client, why) => connection.giveUp(client, why),
  };
}

function locatorOf(
  address: RedisAddress,
  { key }: RedisOpening,
  options: Omit<SentinelsLocatorOptions, "sentinels" | "masterName" | "master">,
): RedisLocator {
  if (address.kind === "sentinels") return new SentinelsLocator({ ...options, ...address });
  const { servers } = address;
  return key === undefined
    ? new ServersLocator({ ...options, servers })
    : new SlotOwnerLocator({ ...options, servers, slot: hashSlot(key) });
}

function hasTls(address: RedisAddress): boolean {
  return [...endpointsOf(address), ...(address.kind === "sentinels" ? [address.master] : [])].some(({ isTls }) => isTls);
}

/** Says once that Redis is away, and once that it is back. */
function teller(logger: Logger, isRequired: boolean): RedisConnectionEvents {
  let isAwayTold = false;
  return {
    connected(server, awayMs) {
      isAwayTold = false;
      if (awayMs === undefined) logger.debug("Connected to Redis", { server });
      else logger.info("Redis is back", { server, away_ms: Math.round(awayMs) });
    },
    failed(error, retryInMs, wasConnected) {
      if (isAwayTold) logger.debug("Redis is still away", { error, retry_in_ms: Math.round(retryInMs) });
      else if (wasConnected) logger.warn("Redis is lost; trying to get it back", { error });
      else if (isRequired) logger.warn("Redis can't be reached; trying on", { error });
      else logger.info("There is no Redis at the default address; trying on in the background", { error });
      isAwayTold = true;
    },
  };
}
