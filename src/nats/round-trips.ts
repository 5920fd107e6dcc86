import type { Clock } from "../clock.ts";
import type { NatsClient } from "./client.ts";

export interface RoundTripsOptions {
  /** How long a server may take to answer. */
  readonly mostWaitMs: number;
  readonly clock: Clock;
}

/**
 * Lets a server confirm that it has done with everything that was sent to it before. Who asks within one turn of the event loop shares the
 * answer, so that thousands of messages cost one ping.
 */
export class RoundTrips {
  readonly #options: RoundTripsOptions;
  /** The one that begins at the end of this turn. */
  #next: Trip | undefined;
  readonly #underway = new Set<Trip>();
  readonly #watched = new WeakSet<NatsClient>();

  constructor(options: RoundTripsOptions) {
    this.#options = options;
  }

  /** Resolves when the server has dealt with what was sent. Rejects when the connection is lost first, or it takes too long. */
  confirmed(client: NatsClient): Promise<void> {
    return this.#trip(client).ended;
  }

  /** The same for what was published to a subject: rejects also when NATS did not permit it. */
  async published(client: NatsClient, subject: string): Promise<void> {
    const trip = this.#trip(client);
    await trip.ended;
    const why = trip.refused?.get(subject);
    if (why !== undefined) throw new Error(why);
  }

  /** NATS has said no to a subject, of something that was sent lately. */
  refused(subject: string, why: string): void {
    for (const trip of this.#underway) (trip.refused ??= new Map()).set(subject, why);
  }

  #trip(client: NatsClient): Trip {
    if (this.#next?.client === client) return this.#next;
    const trip = new Trip(client);
    this.#next = trip;
    this.#underway.add(trip);
    this.#watch(client);
    const timer = this.#options.clock.after(this.#options.mostWaitMs, () => trip.fail(new Error("it did not answer in time")));
    const ended = (): void => {
      timer.cancel();
      this.#underway.delete(trip);
    };
    // Whoever does not wait for it does not want to hear of its failure either.
    trip.ended.then(ended, ended);
    setImmediate(() => {
      if (this.#next === trip) this.#next = undefined;
      trip.begin();
    });
    return trip;
  }

  /** A ping that is under way when the connection is lost is never answered: the library leaves it at that. */
  #watch(client: NatsClient): void {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    void client.closed().then((error) => {
      for (const trip of this.#underway) if (trip.client === client) trip.fail(error ?? new Error("the connection was lost"));
    });
  }
}

class Trip {
  readonly client: NatsClient;
  readonly ended: Promise<void>;
  /** Subjects that NATS refused meanwhile. */
  refused: Map<string, string> | undefined;
  #arrive: () => void = () => {};
  fail: (error: Error) => void = () => {};

  constructor(client: NatsClient) {
    this.client = client;
    this.ended = new Promise((resolve, reject) => {
      this.#arrive = resolve;
      this.fail = reject;
    });
  }

  begin(): void {
    // What the server refused it has said before it answered, and is told by another promise: that has its turn first.
    this.client.flush().then(() => setImmediate(this.#arrive), this.fail);
  }
}
