import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { hostsOf, placeOf, redisAddress, type RedisEndpoint } from "./address.ts";
import { endpointIn, type RedisClient } from "./client.ts";
import { ClusterNode, type ClusterNodeOptions } from "./cluster-node.ts";
import { RedisAway } from "./command-lane.ts";
import type { RedisConnectionState } from "./connection.ts";
import { slotCount } from "./hash-slot.ts";
import type { RedisOptions } from "./open.ts";
import { reasonOf } from "./reason.ts";
import { redirectionOf } from "./redirection.ts";
import { readSlotRanges } from "./slot-ranges.ts";

export interface ClusterNodesOptions extends Omit<ClusterNodeOptions, "endpoint" | "prepare" | "lost"> {
  /** Makes a node fit for use. */
  readonly prepare: (client: RedisClient, has: (slot: number) => boolean) => Promise<unknown>;
  /** A connection to any node, if there is one just now: to ask who has which slots, besides those that are ours. */
  readonly guide: () => RedisClient | undefined;
  /** Others may have some slots now. Default: nobody is told. */
  readonly changed?: () => void;
  /** Milliseconds between looks at who has which slots, besides those that follow an error; 0 = never. */
  readonly checkIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The nodes of a cluster that is reached by these options. @throws {CableError} `config.invalid_value` */
export function clusterNodes(redis: RedisOptions, options: Omit<ClusterNodesOptions, "tls" | "names" | "checkIntervalMs">): ClusterNodes {
  const { tls = {}, checkIntervalMs = 30_000 } = redis;
  return new ClusterNodes({ ...options, tls, names: hostsOf(redisAddress(redis)), checkIntervalMs });
}

/** After a node was lost, so long between questions who has its slots. */
const searchIntervalMs = 250;
const mostRedirections = 8;

/** A connection to each node of a cluster that has slots, and who has which. */
export class ClusterNodes {
  readonly #options: ClusterNodesOptions;
  readonly #nodes = new Map<string, ClusterNode>();
  /** Have no slots any more, and still answer what they were asked. */
  readonly #retired = new Set<ClusterNode>();
  #slots: (ClusterNode | undefined)[] = [];
  /** How to get in, and where those are that call themselves nothing. */
  #teller: RedisEndpoint | undefined;
  #asking: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(options: ClusterNodesOptions) {
    this.#options = options;
  }

  /** undefined while no node is known. */
  get state(): RedisConnectionState | undefined {
    const states = [...this.#nodes.values()].map((node) => node.state);
    const away = states.filter(({ isConnected }) => !isConnected);
    if (states.length === 0) return undefined;
    if (away.length === 0) return { ...states[0]!, sinceMs: Math.max(...states.map(({ sinceMs }) => sinceMs)) };
    const problem = away.find((state) => state.problem !== undefined)?.problem;
    return { isConnected: false, server: undefined, problem, sinceMs: Math.min(...away.map(({ sinceMs }) => sinceMs)) };
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const node of [...this.#nodes.values(), ...this.#retired]) node.stop();
    this.#nodes.clear();
    this.#retired.clear();
    this.#slots = [];
    this.#teller = undefined;
  }

  /** Asks this node who has which slots. Rejects when it does not know. */
  async learn(client: RedisClient, teller: RedisEndpoint): Promise<void> {
    this.#teller = teller;
    await this.#ask(client);
    this.#searchLater();
  }

  /** Resolves when each node has been tried. */
  async tried(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.tried()));
  }

  async send(slot: number, command: readonly string[]): Promise<unknown> {
    let node = this.#slots[slot];
    let isAsking = false;
    for (let hops = 0; ; hops++) {
      if (node === undefined) {
        this.search();
        throw new RedisAway(`no node of the cluster has slot ${slot}`, { isUnsent: true });
      }
      try {
        return await node.send(command, isAsking);
      } catch (error) {
        const redirection = redirectionOf(error);
        if (redirection === undefined || hops === mostRedirections) throw error;
        isAsking = redirection.kind === "ask";
        if (redirection.kind === "retry") await this.#pause();
        else node = this.#redirected(slot, redirection) ?? node;
      }
    }
  }

  #redirected(slot: number, { kind, to }: { readonly kind: "moved" | "ask"; readonly to: readonly unknown[] }): ClusterNode | undefined {
    const endpoint = this.#teller && endpointIn(to, this.#teller);
    if (endpoint === undefined) return undefined;
    const node = this.#nodeAt(endpoint);
    if (kind === "moved") {
      this.#slots[slot] = node;
      this.search();
    }
    return node;
  }

  #nodeAt(endpoint: RedisEndpoint): ClusterNode {
    const place = placeOf(endpoint);
    const known = this.#nodes.get(place);
    if (known !== undefined) return known;
    const { prepare, ...options } = this.#options;
    const node: ClusterNode = new ClusterNode({
      ...options,
      endpoint,
      prepare: (client) => prepare(client, (slot) => this.#slots[slot] === node),
      lost: () => this.search(),
    });
    this.#nodes.set(place, node);
    node.start();
    return node;
  }

  /** Finds out who has which slots now. */
  search(): void {
    if (this.#asking !== undefined || this.#teller === undefined) return;
    const client = this.#options.guide() ?? [...this.#nodes.values()].find((node) => node.client !== undefined)?.client;
    this.#asking = (client === undefined ? Promise.reject(new Error("no node can be asked")) : this.#ask(client))
      .catch((error: unknown) => {
        this.#options.logger.debug("No node of the Redis cluster says who has which slots", { error: reasonOf(error) });
      })
      .finally(() => {
        this.#asking = undefined;
        this.#searchLater();
      });
  }

  #searchLater(): void {
    if (this.#teller === undefined) return;
    this.#timer?.cancel();
    const isWhole = this.state?.isConnected === true;
    const waitMs = isWhole ? this.#options.checkIntervalMs : searchIntervalMs;
    this.#timer = waitMs === 0 ? undefined : this.#options.clock.after(waitMs, () => this.search());
  }

  async #ask(client: RedisClient): Promise<void> {
    const reply: unknown = await client.sendCommand(["CLUSTER", "SLOTS"]);
    if (this.#teller === undefined) return;
    const slots: (ClusterNode | undefined)[] = Array.from({ length: slotCount });
    for (const { from, to, master } of readSlotRanges(reply, this.#teller)) slots.fill(this.#nodeAt(master), from, to + 1);
    if (slots.every((node) => node === undefined)) throw new Error("it belongs to no cluster yet");
    this.#slots = slots;
    const inUse = new Set(slots);
    for (const [place, node] of this.#nodes) {
      if (inUse.has(node)) continue;
      this.#nodes.delete(place);
      this.#retire(node);
    }
    this.#options.changed?.();
  }

  #retire(node: ClusterNode): void {
    this.#retired.add(node);
    this.#options.clock.after(this.#options.timeoutMs, () => {
      node.stop();
      this.#retired.delete(node);
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(50, resolve));
  }
}
