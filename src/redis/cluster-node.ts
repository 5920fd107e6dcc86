import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { placeOf, type RedisEndpoint } from "./address.ts";
import type { RedisClient } from "./client.ts";
import { CommandLane, RedisAway } from "./command-lane.ts";
import { RedisConnection, type RedisConnectionState } from "./connection.ts";
import type { RedisTlsOptions } from "./tls.ts";

export interface ClusterNodeOptions {
  readonly endpoint: RedisEndpoint;
  readonly tls: RedisTlsOptions;
  readonly names: readonly string[];
  readonly prepare: (client: RedisClient) => Promise<unknown>;
  /** Its connection broke, or could not be made. */
  readonly lost: () => void;
  readonly timeoutMs: number;
  readonly pingIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** One node of a cluster, and the connection to it. */
export class ClusterNode {
  readonly #options: ClusterNodeOptions;
  readonly #connection: RedisConnection;
  readonly #lane: CommandLane;
  #isFirst = true;
  /** Those who want to send before the first try to connect has ended. */
  #waiting: (() => void)[] = [];

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    this.#lane = new CommandLane(options);
    const server = placeOf(options.endpoint);
    const logger = options.logger.child({ server });
    this.#connection = new RedisConnection({
      ...options,
      locator: { locate: async () => options.endpoint, inspect: async () => {}, start: () => {}, stop: () => {} },
      told: {
        connected: (_server, awayMs) => {
          if (awayMs === undefined) logger.debug("Connected to a node of the Redis cluster");
          else logger.info("A node of the Redis cluster is back", { away_ms: Math.round(awayMs) });
          this.#settled();
        },
        failed: (error, retryInMs, wasConnected) => {
          if (wasConnected) logger.warn("A node of the Redis cluster is lost; trying to get it back", { error });
          else logger.debug("A node of the Redis cluster can't be reached", { error, retry_in_ms: Math.round(retryInMs) });
          this.#settled();
          options.lost();
        },
      },
    });
  }

  get client(): RedisClient | undefined {
    return this.#connection.client;
  }

  get state(): RedisConnectionState {
    return this.#lane.seen(this.#connection.state, this.client);
  }

  start(): void {
    this.#connection.start();
  }

  stop(): void {
    this.#connection.stop();
    this.#lane.clear();
    this.#settled();
  }

  async send(command: readonly string[], isAsking: boolean): Promise<unknown> {
    if (this.client === undefined && this.#isFirst) await this.#firstTry();
    const { client, state } = this.#connection;
    if (client === undefined) {
      const server = placeOf(this.#options.endpoint);
      throw new RedisAway(`the node ${server} is away: ${state.problem ?? "it has been given up"}`, { isUnsent: true });
    }
    // The two have to follow each other.
    if (isAsking) this.#lane.send(client, ["ASKING"]).catch(() => {});
    return this.#lane.send(client, command);
  }

  /** Resolves when the first try to connect has ended, or has taken too long. */
  async tried(): Promise<void> {
    if (this.client === undefined && this.#isFirst) await this.#firstTry();
  }

  #firstTry(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(this.#options.timeoutMs, resolve);
      this.#waiting.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #settled(): void {
    this.#isFirst = false;
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
