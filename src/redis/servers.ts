import type { Clock, Timer } from "../clock.ts";
import { CableError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { placeOf, type RedisEndpoint } from "./address.ts";
import { askOnce, isSamePlace, unlessLost, type RedisClient, type RedisIdentity } from "./client.ts";
import type { RedisLocator } from "./locator.ts";
import { reasonOf } from "./reason.ts";
import { readSlotRanges } from "./slot-ranges.ts";
import type { RedisTlsOptions } from "./tls.ts";

export interface ServersLocatorOptions {
  readonly servers: readonly [RedisEndpoint, ...RedisEndpoint[]];
  readonly tls: RedisTlsOptions;
  readonly names: readonly string[];
  /** Milliseconds between looks at whether the node in use still belongs to its cluster; 0 = never. */
  readonly checkIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 ≤ n < 1: where in the list to begin, so that not all of us sit on its first node. */
  readonly random: () => number;
}

/**
 * Goes round the servers that were named, and, when they turn out to be nodes of a cluster, round all of its nodes. A node that lost
 * its cluster is left for one that has not: it would stay silent for ever.
 */
export class ServersLocator implements RedisLocator {
  readonly #options: ServersLocatorOptions;
  #learned: readonly RedisEndpoint[] = [];
  #next: number;
  #current: RedisEndpoint | undefined;
  #isCluster = false;
  #isLoneWarned = false;
  #moved: ((why: string) => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: ServersLocatorOptions) {
    this.#options = options;
    this.#next = Math.floor(options.random() * options.servers.length);
  }

  start(moved: (why: string) => void): void {
    this.#moved = moved;
    this.#checkLater();
  }

  stop(): void {
    this.#moved = undefined;
    this.#timer?.cancel();
  }

  async locate(): Promise<RedisEndpoint> {
    const all = this.#all();
    this.#current = all[this.#next++ % all.length]!;
    return this.#current;
  }

  async inspect(endpoint: RedisEndpoint, { mode }: RedisIdentity, client: RedisClient): Promise<void> {
    if (mode === "sentinel") throw new CableError("config.invalid_value", "this is a sentinel; sentinels are named in redis_sentinels");
    this.#isCluster = mode === "cluster";
    if (this.#isCluster) await this.#learn(endpoint, client);
    else if (mode !== undefined && this.#options.servers.length > 1) this.#warnOfLoneServer(endpoint);
  }

  #all(): readonly RedisEndpoint[] {
    const { servers } = this.#options;
    return [...servers, ...this.#learned.filter((one) => !servers.some((named) => isSamePlace(one, named)))];
  }

  async #learn(endpoint: RedisEndpoint, client: RedisClient): Promise<void> {
    const reply: unknown = await client.sendCommand(["CLUSTER", "SLOTS"]).catch(unlessLost);
    const found = readSlotRanges(reply, endpoint).flatMap(({ master, replicas }) => [master, ...replicas]);
    const byPlace = new Map(found.map((one) => [placeOf(one), one]));
    if (byPlace.size > 0) this.#learned = [...byPlace.values()];
  }

  #warnOfLoneServer(endpoint: RedisEndpoint): void {
    if (this.#isLoneWarned) return;
    this.#isLoneWarned = true;
    this.#options.logger.warn("redis_url names several servers, but they are no cluster: what is published to another one is not heard", {
      server: placeOf(endpoint),
    });
  }

  #checkLater(): void {
    if (this.#options.checkIntervalMs === 0) return;
    this.#timer = this.#options.clock.after(this.#options.checkIntervalMs, () => {
      void this.#check().finally(() => {
        if (this.#moved !== undefined) this.#checkLater();
      });
    });
  }

  async #check(): Promise<void> {
    const current = this.#current;
    if (!this.#isCluster || current === undefined || (await this.#hasCluster(current)) !== false) return;
    const others = this.#all().filter((one) => !isSamePlace(one, current));
    for (const other of others) {
      if (!(await this.#hasCluster(other))) continue;
      if (current !== this.#current) return;
      this.#next = this.#all().findIndex((one) => isSamePlace(one, other));
      this.#moved?.(`${placeOf(current)} has lost its cluster`);
      return;
    }
  }

  /** undefined: can't tell. */
  async #hasCluster(node: RedisEndpoint): Promise<boolean | undefined> {
    const { tls, names, logger } = this.#options;
    try {
      return await askOnce({ endpoint: node, tls, names, connectTimeoutMs: 2_000, silenceMs: 2_000 }, async (client) => {
        const info: unknown = await client.sendCommand(["CLUSTER", "INFO"]);
        const isOk = typeof info === "string" ? /^cluster_state:ok/m.test(info) : undefined;
        if (isOk) await this.#learn(node, client);
        return isOk;
      });
    } catch (error) {
      logger.debug("A node of the cluster can't be asked for its state", { server: placeOf(node), error: reasonOf(error, node.password) });
      return undefined;
    }
  }
}
