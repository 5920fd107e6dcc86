import type { Clock, Timer } from "../clock.ts";
import { CableError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { placeOf, type RedisEndpoint } from "./address.ts";
import { askOnce, identityOf, isSamePlace, unlessLost, type RedisIdentity } from "./client.ts";
import type { RedisLocator } from "./locator.ts";
import { reasonOf } from "./reason.ts";
import { readSlotRanges } from "./slot-ranges.ts";
import type { RedisTlsOptions } from "./tls.ts";

export interface SlotOwnerLocatorOptions {
  readonly servers: readonly [RedisEndpoint, ...RedisEndpoint[]];
  readonly slot: number;
  readonly tls: RedisTlsOptions;
  readonly names: readonly string[];
  /** Milliseconds between questions who has the slot, besides those that follow a lost connection; 0 = none. */
  readonly checkIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Finds the master that has a slot, by asking one node of the cluster after the other; a server that is no cluster has everything. */
export class SlotOwnerLocator implements RedisLocator {
  readonly #options: SlotOwnerLocatorOptions;
  #learned: readonly RedisEndpoint[] = [];
  /** Where in the list to begin: another node each time, since one that has lost its cluster still believes what it knew. */
  #next = 0;
  #current: RedisEndpoint | undefined;
  #moved: ((why: string) => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: SlotOwnerLocatorOptions) {
    this.#options = options;
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
    this.#current = await this.#ask();
    return this.#current;
  }

  async inspect(endpoint: RedisEndpoint, { role, mode }: RedisIdentity): Promise<void> {
    if (mode === "sentinel") throw new CableError("config.invalid_value", "this is a sentinel; sentinels are named in redis_sentinels");
    if (role === "replica") throw new Error(`${placeOf(endpoint)} is no master any more, or not yet`);
  }

  async #ask(): Promise<RedisEndpoint> {
    const all = this.#all();
    const first = this.#next++ % all.length;
    const problems: string[] = [];
    for (const node of [...all.slice(first), ...all.slice(0, first)]) {
      try {
        return await this.#askOne(node);
      } catch (error) {
        problems.push(`${placeOf(node)}: ${reasonOf(error, node.password)}`);
      }
    }
    throw new Error(problems.join("; "));
  }

  #askOne(node: RedisEndpoint): Promise<RedisEndpoint> {
    const { tls, names, slot } = this.#options;
    return askOnce({ endpoint: node, tls, names, connectTimeoutMs: 2_000, silenceMs: 2_000 }, async (client) => {
      if ((await identityOf(client)).mode !== "cluster") return node;
      const reply: unknown = await client.sendCommand(["CLUSTER", "SLOTS"]).catch(unlessLost);
      // Who may not ask has to hope.
      if (reply === undefined) return node;
      const ranges = readSlotRanges(reply, node);
      const nodes = ranges.flatMap(({ master, replicas }) => [master, ...replicas]);
      this.#learned = [...new Map(nodes.map((one) => [placeOf(one), one])).values()];
      const owner = ranges.find(({ from, to }) => from <= slot && slot <= to)?.master;
      if (owner === undefined) throw new Error(`knows nobody who has slot ${slot}`);
      return owner;
    });
  }

  #all(): readonly RedisEndpoint[] {
    const { servers } = this.#options;
    return [...servers, ...this.#learned.filter((one) => !servers.some((named) => isSamePlace(one, named)))];
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
    const before = this.#current;
    const isCluster = this.#learned.length > 0;
    if (!isCluster || before === undefined) return;
    try {
      const owner = await this.#ask();
      if (before === this.#current && !isSamePlace(before, owner)) this.#moved?.(`what it is for is at ${placeOf(owner)} now`);
    } catch (error) {
      this.#options.logger.debug("The cluster can't be asked who has a slot", { error: reasonOf(error) });
    }
  }
}
