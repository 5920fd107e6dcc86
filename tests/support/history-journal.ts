import { expect } from "vitest";
import type { HistoryAnswer } from "../../src/broker/broker.ts";
import type { Publication, StreamPosition } from "../../src/publications/publication.ts";

export function publicationOf(stream: string, number: number): Publication {
  return { stream, json: `{"n":${number}}`, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0 };
}

/** All that was acknowledged as stored, to hold against what a history answers later. */
export class Journal {
  readonly #streams = new Map<string, { readonly position: StreamPosition; readonly json: string }[]>();

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

  /** An answer is "gone", or has in it everything that was stored after this position, in order, and nothing else. */
  check(stream: string, { epoch, offset }: StreamPosition, answer: HistoryAnswer): void {
    if (answer.status === "gone") return;
    const entries = this.#streams.get(stream)!;
    // Whoever is told that nothing is missing is told all that came later, of other epochs too.
    const at = entries.findIndex(({ position }) => position.epoch === epoch && position.offset === offset);
    const expected = entries.slice(at + 1);
    expect(answer.publications.map(({ json, position }) => ({ json, position }))).toEqual(
      expected.map(({ json, position }) => ({ json, position })),
    );
    expect(answer.head).toEqual(entries.at(-1)!.position);
  }
}
