import type { RedisEndpoint } from "./address.ts";
import { unlessLost, type RedisClient } from "./client.ts";
import { clusterNodes, type ClusterNodes } from "./cluster-nodes.ts";
import { CommandLane, RedisAway } from "./command-lane.ts";
import type { RedisConnectionState } from "./connection.ts";
import { hashSlot } from "./hash-slot.ts";
import { openRedis, type OpenedRedis, type RedisOpening } from "./open.ts";
import { isUnknownScript, type RedisScript } from "./script.ts";

export { isInDoubt, RedisAway } from "./command-lane.ts";

export interface RedisStoreOpening extends Omit<RedisOpening, "prepare" | "usesDatabase"> {
  /** Loaded into each server at the beginning. */
  readonly scripts: readonly RedisScript[];
  /** Makes a server fit for use, each time a connection to it was made; when it rejects, the connection is made again. */
  readonly prepare: (server: RedisStoreServer) => Promise<unknown>;
  /** How long an answer is waited for, ms. Default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/** A server that was just connected to. */
export interface RedisStoreServer {
  send(command: readonly string[]): Promise<unknown>;
  /** Whether this server has, as far as we know, the keys of this slot. */
  has(slot: number): boolean;
}

/**
 * A Redis to keep things in: one server, what Sentinels call master, or a cluster, whose commands go to the node that has their keys. The
 * database of the URL is used. Commands with keys of one slot take effect in the order of the calls, as long as nothing breaks.
 */
export class RedisStore {
  readonly #opened: OpenedRedis;
  readonly #lane: CommandLane;
  readonly #scripts: readonly RedisScript[];
  readonly #prepare: RedisStoreOpening["prepare"];
  readonly #nodes: ClusterNodes;
  #isCluster = false;

  /** @throws {CableError} `config.invalid_value`, `config.unreadable_file` */
  constructor({ scripts, prepare, timeoutMs = 5_000, ...opening }: RedisStoreOpening) {
    const { redis, clock, random = Math.random, pingIntervalMs = 5_000 } = opening;
    this.#scripts = scripts;
    this.#prepare = prepare;
    this.#lane = new CommandLane({ clock, timeoutMs });
    this.#opened = openRedis({
      ...opening,
      usesDatabase: true,
      prepare: (client, endpoint, { mode }) => this.#adopt(client, endpoint, mode === "cluster"),
    });
    this.#nodes = clusterNodes(redis, {
      timeoutMs,
      clock,
      random,
      pingIntervalMs,
      logger: opening.logger.child({ redis: this.#opened.display }),
      prepare: (client, has) => this.#prepareServer(client, has),
      guide: () => this.#opened.client,
    });
  }

  get display(): string {
    return this.#opened.display;
  }

  /** Connected as long as it answers. Of a cluster: when all nodes that have keys do. */
  get state(): RedisConnectionState {
    return (this.#isCluster ? this.#nodes.state : undefined) ?? this.#lane.seen(this.#opened.state, this.#opened.client);
  }

  start(): void {
    this.#opened.start();
  }

  stop(): void {
    this.#opened.stop();
    this.#nodes.stop();
    this.#lane.clear();
  }

  /**
   * Sends a command to the server that has the keys of this slot.
   * @throws {RedisAway} Rejects with the server's own error when it answered with one.
   */
  send(slot: number, command: readonly string[]): Promise<unknown> {
    if (this.#isCluster) return this.#nodes.send(slot, command);
    const { client, state } = this.#opened;
    if (client === undefined) return Promise.reject(new RedisAway(state.problem ?? "it is not connected yet", { isUnsent: true }));
    return this.#lane.send(client, command);
  }

  /** Runs a script on keys that are all of one slot. */
  async run(script: RedisScript, keys: readonly [string, ...string[]], args: readonly string[]): Promise<unknown> {
    const slot = this.#isCluster ? hashSlot(keys[0]) : 0;
    try {
      return await this.send(slot, script.bySha(keys, args));
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return this.send(slot, script.byText(keys, args));
    }
  }

  async #adopt(client: RedisClient, endpoint: RedisEndpoint, isCluster: boolean): Promise<void> {
    this.#isCluster = isCluster;
    if (isCluster) await this.#nodes.learn(client, endpoint);
    else await this.#prepareServer(client, () => true);
  }

  async #prepareServer(client: RedisClient, has: (slot: number) => boolean): Promise<void> {
    const send = (command: readonly string[]): Promise<unknown> => client.sendCommand(command);
    // Who may not load scripts sends their text.
    await Promise.all(this.#scripts.map(({ text }) => send(["SCRIPT", "LOAD", text]).catch(unlessLost)));
    await this.#prepare({ send, has });
  }
}
