import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { unlessLost, type RedisClient } from "../redis/client.ts";

/** One of the two pub/subs that Redis has. */
export interface RedisPubsubKind {
  subscribe(client: RedisClient, channels: string[], listener: (message: Buffer) => void): Promise<void>;
  unsubscribe(client: RedisClient, channels: string[], listener: (message: Buffer) => void): Promise<void>;
  /** Parts the channels into those that one command may name together. */
  parts(channels: readonly string[]): Iterable<readonly string[]>;
}

/** What all servers have; in a cluster what is published at one node is heard at all. */
export const plainKind: RedisPubsubKind = {
  subscribe: (client, channels, listener) => client.subscribe(channels, listener, true),
  unsubscribe: (client, channels, listener) => client.unsubscribe(channels, listener, true),
  parts: (channels) => [channels],
};

export interface RedisSubscriptionsOptions {
  readonly kind: RedisPubsubKind;
  /** Gets what arrives. MUST NOT throw: node-redis would take that for a broken stream. */
  readonly received: (message: Buffer) => void;
  /** Called when every subscription stands again after something may have been missed. */
  readonly missed: () => void;
  /** Redis said no to these channels, which it is not asked for again unless `renew` says so. Default: it is asked for each alone, then told. */
  readonly refused?: (channels: readonly string[], error: unknown) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As many as AnyCable puts into one command. */
const mostPerCommand = 256;
const mostWaitMs = 1_000;

/** What changed in one turn of the event loop, and who waits for it. */
interface Turn {
  readonly channels: Set<string>;
  readonly confirmed: Promise<void>;
  readonly resolve: () => void;
}

/**
 * The channels that are wanted, and those that the connection in use has, brought together: there is never more than one command on its way
 * for a channel, and when it is answered the two are compared again. (node-redis 6.3 loses count of a channel otherwise: a SUBSCRIBE after an
 * UNSUBSCRIBE that followed a SUBSCRIBE, all unanswered, may not be sent at all.)
 */
export class RedisSubscriptions {
  readonly #options: RedisSubscriptionsOptions;
  /** Channel → how many streams want it: nearly always one. */
  readonly #wanted = new Map<string, number>();
  /** Channels whose last command on this connection was to subscribe. */
  readonly #held = new Set<string>();
  /** Channels with a command on its way, and its end. */
  readonly #busy = new Map<string, Promise<void>>();
  /** Channels of a command that was refused: one of them is to blame, so they go one by one. */
  readonly #suspects = new Set<string>();
  #client: RedisClient | undefined;
  #turn: Turn | undefined;
  /** Somebody was told that a subscription stands, or will stand, which it did not all the time since. */
  #owesMissed = false;

  constructor(options: RedisSubscriptionsOptions) {
    this.#options = options;
  }

  /** Resolves when Redis has confirmed it; undefined, or after a second at most, when that will be later. */
  want(channel: string): Promise<void> | undefined {
    this.#wanted.set(channel, (this.#wanted.get(channel) ?? 0) + 1);
    const confirmed = this.#changed(channel);
    if (confirmed === undefined) this.#owesMissed = true;
    return confirmed;
  }

  unwant(channel: string): void {
    const count = this.#wanted.get(channel);
    if (count === undefined) return;
    if (count > 1) this.#wanted.set(channel, count - 1);
    else {
      this.#wanted.delete(channel);
      void this.#changed(channel);
    }
  }

  /** Redis has dropped this channel, or refused it: it is asked again. */
  renew(channel: string): Promise<void> | undefined {
    this.#held.delete(channel);
    return this.#changed(channel);
  }

  /** Takes a new connection into use: subscribes to `always` and to everything wanted. Rejects when that connection is no good. */
  async adopt(client: RedisClient, always: readonly string[]): Promise<void> {
    this.#forgetConnection();
    this.#client = client;
    const { kind } = this.#options;
    const first = always.map((channel) => kind.subscribe(client, [channel], this.#listener));
    await Promise.all([...first, this.#settle(client, this.#wanted.keys())]);
    const isOwed = this.#owesMissed;
    // From now on whatever breaks this connection makes us miss something.
    this.#owesMissed = true;
    if (isOwed) this.#options.missed();
  }

  /** Forgets everything. */
  drop(): void {
    this.#forgetConnection();
    this.#wanted.clear();
    this.#owesMissed = false;
  }

  #forgetConnection(): void {
    this.#client = undefined;
    this.#held.clear();
    this.#busy.clear();
    this.#suspects.clear();
  }

  readonly #listener = (message: Buffer): void => this.#options.received(message);

  #changed(channel: string): Promise<void> | undefined {
    if (!this.#client?.isReady) return undefined;
    this.#turn ??= this.#newTurn();
    this.#turn.channels.add(channel);
    return this.#turn.confirmed;
  }

  #newTurn(): Turn {
    let resolve!: () => void;
    const confirmed = new Promise<void>((settle) => (resolve = settle));
    const turn = { channels: new Set<string>(), confirmed, resolve };
    setImmediate(() => void this.#carryOut(turn));
    return turn;
  }

  /** Never rejects. */
  async #carryOut({ channels, resolve }: Turn): Promise<void> {
    this.#turn = undefined;
    const client = this.#client;
    if (!client?.isReady) return resolve();
    let isLate = false;
    const timer = this.#options.clock.after(mostWaitMs, () => {
      isLate = true;
      resolve();
    });
    try {
      await this.#settle(client, channels);
      if (isLate) this.#options.missed();
    } catch {
      // The connection is gone, which is told elsewhere; the next one begins with everything.
    }
    timer.cancel();
    resolve();
  }

  /** Sends what these channels need, until they have what is wanted and it is confirmed. Rejects when the connection breaks. */
  async #settle(client: RedisClient, channels: Iterable<string>): Promise<void> {
    for (let open = this.#unsettled(channels); open.length > 0; open = this.#unsettled(open)) {
      this.#send(client, open);
      await Promise.all(new Set(open.flatMap((channel) => this.#busy.get(channel) ?? [])));
      if (client !== this.#client) throw new Error("There is another connection now");
    }
  }

  #unsettled(channels: Iterable<string>): string[] {
    return [...channels].filter((channel) => this.#busy.has(channel) || this.#wanted.has(channel) !== this.#held.has(channel));
  }

  #send(client: RedisClient, channels: readonly string[]): void {
    const free = channels.filter((channel) => !this.#busy.has(channel));
    const added = free.filter((channel) => this.#wanted.has(channel));
    const removed = free.filter((channel) => !this.#wanted.has(channel));
    const isSuspect = (channel: string): boolean => this.#suspects.has(channel);
    for (const channel of added) this.#held.add(channel);
    for (const channel of removed) this.#held.delete(channel);
    const together = added.filter((channel) => !isSuspect(channel));
    for (const some of this.#commands(removed)) this.#underway(client, some, this.#unsubscribe(client, some));
    for (const some of [...this.#commands(together), ...chunks(added.filter(isSuspect), 1)]) {
      this.#underway(client, some, this.#subscribe(client, some));
    }
  }

  #commands(channels: readonly string[]): readonly string[][] {
    return [...this.#options.kind.parts(channels)].flatMap((part) => chunks(part, mostPerCommand));
  }

  /** They are busy until the command is answered. */
  #underway(client: RedisClient, channels: readonly string[], command: Promise<void>): void {
    const ended = command.finally(() => {
      if (client !== this.#client) return;
      for (const channel of channels) this.#busy.delete(channel);
    });
    for (const channel of channels) this.#busy.set(channel, ended);
  }

  async #unsubscribe(client: RedisClient, channels: string[]): Promise<void> {
    // What is refused is not there any more.
    await this.#options.kind.unsubscribe(client, channels, this.#listener).catch(unlessLost);
  }

  async #subscribe(client: RedisClient, channels: string[]): Promise<void> {
    const { kind, refused } = this.#options;
    try {
      await kind.subscribe(client, channels, this.#listener);
    } catch (error) {
      unlessLost(error);
      if (client !== this.#client) return;
      if (refused !== undefined) {
        refused(channels, error);
        return;
      }
      const [channel] = channels;
      if (channels.length === 1) {
        this.#options.logger.warn("Redis refuses a subscription: what is published there is not heard", {
          channel,
          error: messageOf(error),
        });
        return;
      }
      for (const one of channels) {
        this.#suspects.add(one);
        this.#held.delete(one);
      }
    }
  }
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size));
  return parts;
}
