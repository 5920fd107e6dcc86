import type { StreamPosition } from "../../src/publications/publication.ts";

/** What becomes of one publication, as its publisher and its history know it. Ticks count what happens, one after another. */
export interface Published {
  readonly number: number;
  readonly stream: string;
  /** Number of the first of those that were published together. */
  readonly batch: number;
  readonly isTransient: boolean;
  /** The session that must not hear it. */
  readonly excludeSid: string | undefined;
  readonly startedAt: number;
  readonly startedSecond: number;
  /** When the publisher was told that it is stored and passed on; Infinity: never. */
  acknowledgedAt: number;
  /** Where it is stored; undefined: it is not, as far as is known. */
  position: StreamPosition | undefined;
  storedSecond: number;
  /** When its history lost it, other than for its age or number; Infinity: never. */
  lostAt: number;
}

/** All that was published, and what its history did with it. */
export class Truth {
  tick = 0;
  /** How often the broker died and came back. */
  restarts = 0;
  /** There are several nodes: what is acknowledged at one may still be on its way to another. */
  isDistributed = false;
  /** Something between nodes and broker was broken at some time. */
  isDisturbed = false;
  readonly faults: string[] = [];
  readonly #all: Published[] = [];
  readonly #byPosition = new Map<string, Published>();
  readonly #epochs = new Map<string, string[]>();
  /** How many of each stream's epochs are known to be over: in the order in which they stand there. */
  readonly #ended = new Map<string, number>();
  readonly #stored = new Map<string, Published[]>();

  now(): number {
    return ++this.tick;
  }

  numbered(number: number): Published | undefined {
    return this.#all[number];
  }

  get count(): number {
    return this.#all.length;
  }

  started(about: Pick<Published, "stream" | "batch" | "isTransient" | "excludeSid"> & { readonly nowMs: number }): Published {
    const { nowMs, ...fields } = about;
    const published: Published = {
      ...fields,
      number: this.#all.length,
      startedAt: this.now(),
      startedSecond: Math.floor(nowMs / 1_000),
      acknowledgedAt: Infinity,
      position: undefined,
      storedSecond: Infinity,
      lostAt: Infinity,
    };
    this.#all.push(published);
    return published;
  }

  acknowledged(published: Published): void {
    published.acknowledgedAt = this.now();
  }

  /** The history says, or a client saw, that this publication has this position: nothing else may have it, and it no other. */
  stored(number: number, stream: string, position: StreamPosition, nowMs: number): Published | undefined {
    const published = this.#all[number];
    if (published === undefined || published.stream !== stream) {
      this.faults.push(`publication ${number} of ${stream} was never made`);
      return undefined;
    }
    const key = keyOf(stream, position);
    const there = this.#byPosition.get(key);
    if (there === published) return published;
    if (there !== undefined || published.position !== undefined) {
      this.faults.push(`${key} is of publication ${there?.number ?? number}, and ${number} is at ${textOf(published.position)}`);
      return published;
    }
    this.#byPosition.set(key, published);
    published.position = position;
    published.storedSecond = Math.floor(nowMs / 1_000);
    const epochs = this.#epochs.get(stream);
    if (epochs === undefined) this.#epochs.set(stream, [position.epoch]);
    else if (!epochs.includes(position.epoch)) epochs.push(position.epoch);
    const entries = this.#stored.get(stream) ?? [];
    this.#stored.set(stream, entries);
    // Nearly always it is the newest.
    let at = entries.length;
    while (at > 0 && this.compare(stream, entries[at - 1]!.position!, position) > 0) at--;
    entries.splice(at, 0, published);
    return published;
  }

  /** The history begins anew, with nothing. */
  lost(): void {
    const tick = this.now();
    // What is on its way may be lost or not.
    for (const published of this.#all) published.lostAt = Math.min(published.lostAt, tick);
  }

  /**
   * The history says that this epoch of a stream is over. Nodes may hear of it after they have heard of the next one, so that what they
   * say first does not come first.
   */
  epochEnded(stream: string, epoch: string): void {
    const ended = this.#ended.get(stream) ?? 0;
    const epochs = (this.#epochs.get(stream) ?? []).filter((other) => other !== epoch);
    this.#epochs.set(stream, epochs.toSpliced(ended, 0, epoch));
    this.#ended.set(stream, ended + 1);
    this.#stored.get(stream)?.sort((one, other) => this.compare(stream, one.position!, other.position!));
  }

  /** How many publications of a stream may be stored without our knowing. */
  unplaced(stream: string): number {
    return this.#all.filter((one) => one.stream === stream && !one.isTransient && one.position === undefined).length;
  }

  at(stream: string, position: StreamPosition): Published | undefined {
    return this.#byPosition.get(keyOf(stream, position));
  }

  /** What was stored of a stream, in order: epochs as they came, and offsets in them. */
  entries(stream: string): readonly Published[] {
    return this.#stored.get(stream) ?? [];
  }

  /** Below 0: `one` comes before `other`. Epochs that nothing was stored in come first. */
  compare(stream: string, one: StreamPosition, other: StreamPosition): number {
    if (one.epoch === other.epoch) return one.offset - other.offset;
    const epochs = this.#epochs.get(stream) ?? [];
    return epochs.indexOf(one.epoch) - epochs.indexOf(other.epoch);
  }
}

export function textOf(position: StreamPosition | undefined): string {
  return position === undefined ? "nowhere" : `${position.epoch}:${position.offset}`;
}

function keyOf(stream: string, position: StreamPosition): string {
  return `${stream}@${textOf(position)}`;
}
