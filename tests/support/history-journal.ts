import { expect } from "vitest";
import type { HistoryAnswer, StreamHistory } from "../../src/broker/broker.ts";
import { CableError } from "../../src/errors.ts";
import type { Publication, StreamPosition } from "../../src/publications/publication.ts";
import { eventually } from "./eventually.ts";

export function publicationOf(stream: string, number: number): Publication {
  return { stream, json: `{"n":${number}}`, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0 };
}

/** All that was acknowledged as stored, to hold against what a history answers later. */
export class Journal {
  readonly #streams = new Map<string, { readonly position: StreamPosition; readonly json: string }[]>();
  /** Texts of publications that may have been stored, or not. */
  readonly #doubted = new Set<string>();
  #published = 0;

  /** A publication was stored there. Fails if anything else was before. */
  stored({ stream, json }: Publication, position: StreamPosition): void {
    const entries = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, entries);
    expect(entries.map((entry) => entry.position)).not.toContainEqual(position);
    entries.push({ position, json });
    entries.sort((one, other) => (one.position.epoch === other.position.epoch ? one.position.offset - other.position.offset : 0));
  }

  positions(stream: string): readonly StreamPosition[] {
    return (this.#streams.get(stream) ?? []).map(({ position }) => position);
  }

  /** Publishes so many to a stream as a publisher does: each again until it is taken. Their texts differ. */
  async publish(history: StreamHistory, stream: string, count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      await eventually(() => this.#publishOnce(history, publicationOf(stream, this.#published++)), 30_000).toBe(true);
    }
  }

  /** An answer is "gone", or has in it everything that was stored after this position, in order, and nothing else. */
  check(stream: string, { epoch, offset }: StreamPosition, answer: HistoryAnswer): void {
    if (answer.status === "gone") return;
    const entries = this.#streams.get(stream)!;
    // Whoever is told that nothing is missing is told all that came later, of other epochs too.
    const at = entries.findIndex(({ position }) => position.epoch === epoch && position.offset === offset);
    const told = answer.publications.filter(({ json }) => !this.#doubted.has(json));
    expect(told.map(({ json, position }) => ({ json, position }))).toEqual(entries.slice(at + 1));
    expect(answer.head).toEqual(answer.publications.at(-1)?.position ?? { epoch, offset });
    const offsets = answer.publications.map(({ position }) => position!.offset);
    expect(offsets).toEqual(offsets.map((_, index) => offset + 1 + index));
  }

  /** The same for every position of these streams. How many are good still. */
  async checkAll(history: StreamHistory, ...streams: string[]): Promise<number> {
    let good = 0;
    for (const stream of streams) {
      for (const position of this.positions(stream)) {
        const answer = await history.after(stream, position);
        this.check(stream, position, answer);
        if (answer.status === "complete") good++;
      }
    }
    return good;
  }

  async #publishOnce(history: StreamHistory, publication: Publication): Promise<boolean> {
    try {
      this.stored(publication, await history.append(publication));
      return true;
    } catch (error) {
      if (!(error instanceof CableError)) throw error;
      expect(error.code).toBe("publication.unavailable");
      if (/may have (?:been stored|got it)/.test(error.message)) this.#doubted.add(publication.json);
      return false;
    }
  }
}
