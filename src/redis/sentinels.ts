import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { placeOf, type RedisEndpoint } from "./address.ts";
import { askOnce, endpointIn, isSamePlace, unlessLost, type RedisClient, type RedisIdentity } from "./client.ts";
import { RedisConnection } from "./connection.ts";
import type { RedisLocator } from "./locator.ts";
import { reasonOf } from "./reason.ts";
import type { RedisTlsOptions } from "./tls.ts";

export interface SentinelsLocatorOptions {
  readonly sentinels: readonly [RedisEndpoint, ...RedisEndpoint[]];
  readonly masterName: string;
  /** How to get in at the master. */
  readonly master: Omit<RedisEndpoint, "at">;
  readonly tls: RedisTlsOptions;
  readonly names: readonly string[];
  /** Milliseconds between questions who is master, besides those that follow a lost connection and a `+switch-master`; 0 = none. */
  readonly checkIntervalMs: number;
  readonly pingIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/**
 * Finds the master as Redis tells clients to (https://redis.io/docs/latest/develop/reference/sentinel-clients/): asks one sentinel after
 * the other, the one that knew last time first, and makes sure that the server is a master. Listens to one of them for `+switch-master`.
 */
export class SentinelsLocator implements RedisLocator {
  readonly #options: SentinelsLocatorOptions;
  readonly #logger: Logger;
  /** The best one first. */
  #sentinels: readonly RedisEndpoint[];
  #learned: readonly RedisEndpoint[] = [];
  #current: RedisEndpoint | undefined;
  #moved: ((why: string) => void) | undefined;
  #timer: Timer | undefined;
  readonly #listening: RedisConnection;

  constructor(options: SentinelsLocatorOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#sentinels = options.sentinels;
    this.#listening = this.#listen();
  }

  start(moved: (why: string) => void): void {
    this.#moved = moved;
    this.#listening.start();
    this.#checkLater();
  }

  stop(): void {
    this.#moved = undefined;
    this.#timer?.cancel();
    this.#listening.stop();
  }

  async locate(): Promise<RedisEndpoint> {
    this.#current = await this.#ask();
    return this.#current;
  }

  async inspect(endpoint: RedisEndpoint, { role }: RedisIdentity): Promise<void> {
    if (role === "replica") throw new Error(`${placeOf(endpoint)} is no master any more, or not yet`);
  }

  async #ask(): Promise<RedisEndpoint> {
    const problems: string[] = [];
    for (const sentinel of this.#all()) {
      try {
        const master = await this.#askOne(sentinel);
        this.#sentinels = [sentinel, ...this.#sentinels.filter((one) => one !== sentinel)];
        return master;
      } catch (error) {
        problems.push(`${placeOf(sentinel)}: ${reasonOf(error, sentinel.password)}`);
      }
    }
    throw new Error(`no sentinel knows the master (${problems.join("; ")})`);
  }

  #askOne(sentinel: RedisEndpoint): Promise<RedisEndpoint> {
    const { tls, names, masterName, master } = this.#options;
    return askOnce({ endpoint: sentinel, tls, names, connectTimeoutMs: 2_000, silenceMs: 2_000 }, async (client) => {
      const told: unknown = await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName]);
      const found = endpointIn(told, { ...sentinel, ...master });
      if (found === undefined) throw new Error(`knows no master named ${JSON.stringify(masterName)}`);
      await this.#learn(sentinel, client);
      return found;
    });
  }

  /** Those that were named may all be gone one day. */
  async #learn(sentinel: RedisEndpoint, client: RedisClient): Promise<void> {
    const told: unknown = await client.sendCommand(["SENTINEL", "SENTINELS", this.#options.masterName]).catch(unlessLost);
    if (!Array.isArray(told)) return;
    this.#learned = (told as unknown[]).flatMap((fields) => {
      if (!Array.isArray(fields)) return [];
      const field = (name: string): unknown => (fields as unknown[])[(fields as unknown[]).indexOf(name) + 1];
      return endpointIn([field("ip"), field("port")], sentinel) ?? [];
    });
  }

  #all(): readonly RedisEndpoint[] {
    return [...this.#sentinels, ...this.#learned.filter((one) => !this.#sentinels.some((known) => isSamePlace(one, known)))];
  }

  #listen(): RedisConnection {
    const { tls, names, clock, random, pingIntervalMs, masterName } = this.#options;
    let next = 0;
    let failures = 0;
    // How many sentinels there are may change meanwhile: another one tells of them.
    let isMissingTold = false;
    return new RedisConnection({
      locator: {
        locate: async () => this.#all()[next++ % this.#all().length]!,
        inspect: async () => {},
        start: () => {},
        stop: () => {},
      },
      tls,
      names,
      clock,
      random,
      pingIntervalMs,
      // Its message is `name old-host old-port new-host new-port`; asking again makes sure.
      prepare: (client) => client.subscribe("+switch-master", (text) => void (text.startsWith(`${masterName} `) && this.#check())),
      told: {
        connected: (server) => {
          if (isMissingTold) this.#logger.info("A sentinel can be listened to again", { server });
          else this.#logger.debug("Listening to a sentinel", { server });
          failures = 0;
          isMissingTold = false;
        },
        failed: (error) => {
          // The first failure is the loss of the sentinel that was listened to; after it all have their turn.
          if (++failures > this.#all().length && !isMissingTold) {
            isMissingTold = true;
            this.#logger.warn("No sentinel can be listened to: a new master is noticed late", { error });
          } else this.#logger.debug("A sentinel can't be listened to", { error });
        },
      },
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
    const before = this.#current;
    try {
      const master = await this.#ask();
      if (before !== undefined && before === this.#current && !isSamePlace(before, master))
        this.#moved?.(`the master is at ${placeOf(master)} now`);
    } catch (error) {
      this.#logger.debug("The sentinels can't be asked who is master", { error: reasonOf(error) });
    }
  }
}
