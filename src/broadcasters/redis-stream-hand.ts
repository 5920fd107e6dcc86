import type { Clock, Timer } from "../clock.ts";
import type { StreamGroup } from "./redis-stream-group.ts";
import type { StreamEntry } from "./redis-stream-replies.ts";

export interface StreamHandOptions {
  readonly group: StreamGroup;
  readonly clock: Clock;
  /** @see StreamConsumerOptions */
  readonly claimAfterMs: number;
  /** In order of ids. */
  readonly entries: readonly StreamEntry[];
}

/** AnyCable's nodes take over what has been idle for two seconds. */
const mostSilentMs = 500;

/**
 * The entries that this consumer has in hand, the one that is being handled first. While they are held, Redis is told now and then that
 * they are being worked on, so that nobody else takes them over.
 */
export class StreamHand {
  readonly #group: StreamGroup;
  readonly #clock: Clock;
  readonly #sayEveryMs: number;
  #entries: readonly StreamEntry[];
  #isBegun = false;
  #timer: Timer | undefined;

  constructor({ group, clock, claimAfterMs, entries }: StreamHandOptions) {
    this.#group = group;
    this.#clock = clock;
    this.#sayEveryMs = Math.min(mostSilentMs, claimAfterMs / 3);
    this.#entries = entries;
  }

  /** Those that are not done with. */
  get left(): readonly string[] {
    return this.#entries.map(({ id }) => id);
  }

  /** The one in front is done with; what comes next? */
  next(): StreamEntry | undefined {
    if (this.#isBegun) this.#entries = this.#entries.slice(1);
    this.#isBegun = true;
    return this.#entries[0];
  }

  hold(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#sayEveryMs, () => {
      this.hold();
      // That the connection broke is noticed by whoever waits for an answer.
      this.check().catch(() => {});
    });
  }

  /** Others may take them over from now on, once they have been idle for long enough. */
  letGo(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Asks Redis, and forgets those that others have taken over. Resolves to whether the one that is being handled is still ours. */
  async check(): Promise<boolean> {
    const asked = this.left;
    const ours = await this.#group.keep(asked);
    const [front, ...rest] = this.#entries;
    const isLost = ({ id }: StreamEntry): boolean => asked.includes(id) && !ours.has(id);
    // It stays until it is done with.
    if (front !== undefined) this.#entries = [front, ...rest.filter((entry) => !isLost(entry))];
    return front === undefined || !isLost(front);
  }
}
