import type { Msg } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import type { NatsClient } from "./client.ts";
import { RoundTrips } from "./round-trips.ts";

export interface SubscriptionsOptions {
  readonly subjectOf: (stream: string) => string;
  /** Gets what arrives. MUST NOT throw: the library would stop reading. */
  readonly received: (message: Msg, stream: string) => void;
  /** Called when every subscription stands again after something may have been missed. */
  readonly missed: () => void;
  readonly clock: Clock;
}

const mostWaitMs = 1_000;
/** A server that has not answered by then is given up by its pings. */
const mostTripMs = 60_000;

/** The streams that are wanted. Each connection is asked for all of them. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #trips: RoundTrips;
  /** Each wanted stream, and how to end its subscription on the connection in use. */
  readonly #wanted = new Map<string, () => void>();
  #client: NatsClient | undefined;
  /** Whether every subscription on the connection in use stands, but for those asked for since. */
  #isPrepared = false;
  /** One was asked for while the others were waited for. */
  #isMoreAsked = false;
  /** The answer for those who asked in this turn. */
  #standing: { readonly confirmed: Promise<void>; readonly soon: Promise<void> } | undefined;
  /** Somebody was told that a subscription stands, or will stand, which it did not all the time since. */
  #owesMissed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#trips = new RoundTrips({ clock: options.clock, mostWaitMs: mostTripMs });
  }

  /** Resolves when the server has it; undefined, or after a second at most, when that will be later. */
  want(stream: string): Promise<void> | undefined {
    const client = this.#client?.isClosed() === false ? this.#client : undefined;
    this.#wanted.set(stream, client === undefined ? () => {} : this.#subscribe(client, stream));
    if (client !== undefined && this.#isPrepared) return this.#stands(client);
    this.#owesMissed = true;
    this.#isMoreAsked = true;
    return undefined;
  }

  unwant(stream: string): void {
    this.#wanted.get(stream)?.();
    this.#wanted.delete(stream);
  }

  /** Takes a new connection into use. Rejects when it is no good. */
  async adopt(client: NatsClient): Promise<void> {
    this.#client = client;
    this.#isPrepared = false;
    for (const stream of this.#wanted.keys()) this.#wanted.set(stream, this.#subscribe(client, stream));
    do {
      this.#isMoreAsked = false;
      await this.#trips.confirmed(client);
    } while (this.#isMoreAsked);
    this.#isPrepared = true;
    const isOwed = this.#owesMissed;
    // From now on whatever breaks this connection makes us miss something.
    this.#owesMissed = true;
    if (isOwed) this.#options.missed();
  }

  /** Forgets everything. */
  drop(): void {
    this.#client = undefined;
    this.#wanted.clear();
    this.#owesMissed = false;
  }

  #subscribe(client: NatsClient, stream: string): () => void {
    const subscription = client.subscribe(this.#options.subjectOf(stream), {
      // A refusal is told elsewhere.
      callback: (error, message) => {
        if (error === null) this.#options.received(message, stream);
      },
    });
    return () => subscription.unsubscribe();
  }

  #stands(client: NatsClient): Promise<void> {
    const confirmed = this.#trips.confirmed(client);
    if (this.#standing?.confirmed !== confirmed) this.#standing = { confirmed, soon: this.#soon(confirmed) };
    return this.#standing.soon;
  }

  /** Never rejects: when the connection is lost, the next one begins with everything. */
  #soon(confirmed: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      let isLate = false;
      const timer = this.#options.clock.after(mostWaitMs, () => {
        isLate = true;
        resolve();
      });
      const ended = (): void => {
        timer.cancel();
        resolve();
      };
      confirmed.then(() => {
        ended();
        if (isLate) this.#options.missed();
      }, ended);
    });
  }
}
