import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { knowsCommand, onShardedChannelMoved, type RedisClient } from "../redis/client.ts";
import { clusterNodes, type ClusterNodes, type ClusterNodesOptions } from "../redis/cluster-nodes.ts";
import { hashSlot } from "../redis/hash-slot.ts";
import type { RedisOptions } from "../redis/open.ts";
import { RedisSubscriptions, type RedisPubsubKind, type RedisSubscriptionsOptions } from "./redis-subscriptions.ts";

export interface RedisShardsOptions extends Pick<RedisSubscriptionsOptions, "received" | "missed"> {
  readonly redis: RedisOptions;
  /** A connection to any node of the cluster that can be asked who has which slots. */
  readonly guide: () => RedisClient | undefined;
  readonly timeoutMs: number;
  readonly pingIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** A connection to a node that has some of the slots. */
interface Shard {
  readonly client: RedisClient;
  readonly has: (slot: number) => boolean;
  readonly subscriptions: RedisSubscriptions;
  /** Its server has sharded pub/sub. */
  readonly isSupported: boolean;
  /** Everything wanted stands there. */
  isAdopted: boolean;
}

/** What is wanted of one slot. */
interface SlotChannels {
  /** Channel → how many streams want it. */
  readonly wanted: Map<string, number>;
  home: Shard | undefined;
  /** Its home has let it go. */
  isAstray: boolean;
}

const askAgainMs = 250;

const shardedKind: RedisPubsubKind = {
  subscribe: (client, channels, listener) => client.sSubscribe(channels, listener, true),
  unsubscribe: (client, channels, listener) => client.sUnsubscribe(channels, listener, true),
  parts: bySlot,
};

function bySlot(channels: readonly string[]): Iterable<readonly string[]> {
  const parts = new Map<number, string[]>();
  for (const channel of channels) {
    const slot = hashSlot(channel);
    const part = parts.get(slot);
    if (part === undefined) parts.set(slot, [channel]);
    else part.push(channel);
  }
  return parts.values();
}

/**
 * Sharded pub/sub of a cluster (Redis ≥ 7): a channel lives at the node that has its slot, and nothing goes round among the nodes. One
 * connection to each of them subscribes, another one publishes. Slots that move, and masters that are replaced, are followed.
 */
export class RedisShards {
  readonly #options: RedisShardsOptions;
  readonly #subscribing: ClusterNodes;
  readonly #publishing: ClusterNodes;
  readonly #slots = new Map<number, SlotChannels>();
  #shards: readonly Shard[] = [];
  #isInUse = false;
  #timer: Timer | undefined;

  constructor({ redis, ...options }: RedisShardsOptions) {
    this.#options = { redis, ...options };
    const { logger } = options;
    const open = (connection: string, more: Pick<ClusterNodesOptions, "prepare" | "changed">): ClusterNodes =>
      clusterNodes(redis, { ...options, logger: logger.child({ connection }), ...more });
    this.#subscribing = open("subscribing", { prepare: (client, has) => this.#adopt(client, has), changed: () => void this.#resettle() });
    // Who publishes notices soonest that slots have moved.
    this.#publishing = open("publishing", { prepare: async () => {}, changed: () => this.#subscribing.search() });
  }

  /** All nodes that were seen lately have sharded pub/sub. */
  get isInUse(): boolean {
    return this.#isInUse;
  }

  /** None while it is not in use. */
  get states(): readonly NonNullable<ClusterNodes["state"]>[] {
    if (!this.#isInUse) return [];
    return [this.#subscribing, this.#publishing].flatMap((nodes) => nodes.state ?? []);
  }

  /** Hears of a node of the cluster, which knows the others; resolves when each of them has been tried. */
  async learn(...node: Parameters<ClusterNodes["learn"]>): Promise<void> {
    await Promise.all([this.#subscribing.learn(...node), this.#publishing.learn(...node)]);
    await this.#subscribing.tried();
  }

  /** There is no cluster (any more). */
  leave(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#subscribing.stop();
    this.#publishing.stop();
    this.#shards = [];
    this.#isInUse = false;
    for (const slot of this.#slots.values()) slot.home = undefined;
  }

  /** Forgets everything. */
  stop(): void {
    this.leave();
    this.#slots.clear();
  }

  /** As `RedisSubscriptions.want`. */
  want(channel: string): Promise<void> | undefined {
    const number = hashSlot(channel);
    let slot = this.#slots.get(number);
    if (slot === undefined) {
      slot = { wanted: new Map(), home: this.#shardOf(number), isAstray: false };
      this.#slots.set(number, slot);
    }
    slot.wanted.set(channel, (slot.wanted.get(channel) ?? 0) + 1);
    return slot.home?.subscriptions.want(channel);
  }

  unwant(channel: string): void {
    const number = hashSlot(channel);
    const slot = this.#slots.get(number);
    const count = slot?.wanted.get(channel);
    if (slot === undefined || count === undefined) return;
    slot.home?.subscriptions.unwant(channel);
    if (count > 1) slot.wanted.set(channel, count - 1);
    else slot.wanted.delete(channel);
    if (slot.wanted.size === 0) this.#slots.delete(number);
  }

  /** Whether what is published in this channel comes back to us. */
  hears(channel: string): boolean {
    const slot = this.#slots.get(hashSlot(channel));
    return slot === undefined || (slot.home?.isAdopted === true && slot.home.client.isReady);
  }

  publish(channel: string, text: string): Promise<unknown> {
    return this.#publishing.send(hashSlot(channel), ["SPUBLISH", channel, text]);
  }

  #shardOf(slot: number): Shard | undefined {
    return this.#shards.find(({ client, isSupported, has }) => isSupported && client.isReady && has(slot));
  }

  async #adopt(client: RedisClient, has: (slot: number) => boolean): Promise<void> {
    const isSupported = await knowsCommand(client, "SSUBSCRIBE");
    const { received, missed, clock, logger } = this.#options;
    const subscriptions = new RedisSubscriptions({
      kind: shardedKind,
      received,
      missed,
      clock,
      logger,
      refused: (channels) => this.#astray(channels),
    });
    const shard: Shard = { client, has, subscriptions, isSupported, isAdopted: false };
    this.#shards = [...this.#shards.filter((other) => other.client.isReady), shard];
    this.#isInUse = this.#shards.every((one) => one.isSupported);
    if (!isSupported) return;
    onShardedChannelMoved(client, (channel) => this.#astray([channel]));
    for (const [number, slot] of this.#slots) if (has(number) && !slot.home?.client.isReady) void this.#settleAt(shard, slot);
    await subscriptions.adopt(client, []);
    shard.isAdopted = true;
  }

  /** Makes a shard the home of a slot. */
  #settleAt(shard: Shard, slot: SlotChannels): Promise<unknown> {
    const { home } = slot;
    slot.home = shard;
    slot.isAstray = false;
    const moves: Promise<void>[] = [];
    for (const [channel, count] of slot.wanted) {
      for (let time = 0; time < count; time++) {
        home?.subscriptions.unwant(channel);
        const move = shard.subscriptions.want(channel);
        if (move !== undefined) moves.push(move);
      }
    }
    return Promise.all(moves);
  }

  /** Others may have the slots now. */
  async #resettle(): Promise<void> {
    const moves: Promise<unknown>[] = [];
    for (const [number, slot] of this.#slots) {
      const shard = this.#shardOf(number);
      if (shard === undefined) continue;
      if (shard !== slot.home) moves.push(this.#settleAt(shard, slot));
      else if (slot.isAstray) {
        // Perhaps who was asked did not know better.
        slot.isAstray = false;
        for (const channel of slot.wanted.keys()) moves.push(Promise.resolve(shard.subscriptions.renew(channel)));
      }
    }
    if (moves.length === 0) return;
    await Promise.all(moves);
    this.#options.missed();
  }

  #astray(channels: readonly string[]): void {
    for (const channel of channels) {
      const slot = this.#slots.get(hashSlot(channel));
      if (slot !== undefined) slot.isAstray = true;
    }
    this.#timer ??= this.#options.clock.after(askAgainMs, () => {
      this.#timer = undefined;
      this.#subscribing.search();
    });
  }
}
