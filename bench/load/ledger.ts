import type { ChunkClock } from "./clock.ts";
import { fail } from "./failure.ts";
import { Latencies } from "./latencies.ts";

const MOST_PUBLICATIONS = 1 << 21;

/**
 * What was published and who heard it. Publication `n` goes to stream `n % streams`. The first to hear the k-th message of a stream says
 * which one it is; everybody else must hear the same one there. So at the end each client has heard each message once, and all in one
 * order; and what one publisher sent one after another comes in that order.
 */
export class Ledger {
  readonly latencies: Latencies = new Latencies();
  readonly #clock: ChunkClock;
  readonly #streams: number;
  readonly #subscribers: number;
  readonly #completed: (n: number) => void;
  /** By stream: the publications in the order in which they were heard. */
  readonly #orders: number[][];
  readonly #sentAtMs = new Float64Array(MOST_PUBLICATIONS);
  readonly #missing = new Int32Array(MOST_PUBLICATIONS);
  readonly #publishers = new Uint16Array(MOST_PUBLICATIONS);
  published = 0;
  delivered = 0;

  /** `completed(n)` is called when all `subscribers` of its stream have heard publication n. */
  constructor(clock: ChunkClock, streams: number, subscribers: number, completed: (n: number) => void) {
    this.#clock = clock;
    this.#streams = streams;
    this.#subscribers = subscribers;
    this.#completed = completed;
    this.#orders = Array.from({ length: streams }, () => []);
  }

  get isFull(): boolean {
    return this.published === MOST_PUBLICATIONS;
  }

  /** Everything published has been heard by everybody. */
  get isComplete(): boolean {
    return this.delivered === this.published * this.#subscribers;
  }

  /** Writes down that `publisher` sends a publication now; returns its number. */
  publish(publisher: number): number {
    const n = this.published;
    this.published += 1;
    this.#sentAtMs[n] = performance.now();
    this.#missing[n] = this.#subscribers;
    this.#publishers[n] = publisher;
    return n;
  }

  /** A client heard publication `n` as its message number `position` (from 0) of `stream`. */
  heard(stream: number, position: number, n: number): void {
    const order = this.#orders[stream] as number[];
    if (position === order.length) this.#first(stream, order, n);
    else if (order[position] !== n)
      fail(`message ${position} of stream ${stream} is publication ${order[position]} for one client, ${n} for another`);
    this.delivered += 1;
    this.latencies.add(this.#clock.nowMs - (this.#sentAtMs[n] as number));
    const missing = (this.#missing[n] as number) - 1;
    this.#missing[n] = missing;
    if (missing === 0) this.#completed(n);
  }

  /** Fails unless everything published was heard, by everybody, in the order in which each publisher sent it. */
  check(): void {
    if (!this.isComplete) fail(`${this.published * this.#subscribers - this.delivered} deliveries are missing`);
    for (const [stream, order] of this.#orders.entries()) {
      const lastOf = new Map<number, number>();
      for (const n of order) {
        const publisher = this.#publishers[n] as number;
        const last = lastOf.get(publisher) ?? -1;
        if (n <= last) fail(`stream ${stream}: publication ${n} came after ${last} of the same publisher`);
        lastOf.set(publisher, n);
      }
    }
  }

  #first(stream: number, order: number[], n: number): void {
    if (n >= this.published || n % this.#streams !== stream) fail(`stream ${stream} heard publication ${n}, which is not its own`);
    if (this.#missing[n] !== this.#subscribers) fail(`stream ${stream} heard publication ${n} twice`);
    order.push(n);
  }
}
