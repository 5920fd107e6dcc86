import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StreamIndex } from "../../../src/hub/stream-index.ts";

describe("StreamIndex", () => {
  it("tells the first and the last member of a stream", () => {
    const index = new StreamIndex<string>();
    expect(index.add("news", "id1", "ann")).toBe(true);
    expect(index.add("news", "id2", "ann")).toBe(false);
    expect(index.add("news", "id1", "bob")).toBe(false);
    expect(index.remove("news", "id1", "ann")).toBe(false);
    expect(index.remove("news", "id1", "ann")).toBe(false);
    expect(index.remove("news", "id1", "bob")).toBe(false);
    expect(index.remove("news", "id2", "ann")).toBe(true);
    expect(index.size).toBe(0);
  });

  it("agrees with a plain list of memberships, and keeps nothing of those that ended", () => {
    const name = fc.constantFrom("a", "b", "__proto__", "constructor");
    const step = fc.record({ add: fc.boolean(), stream: name, identifier: name, member: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const index = new StreamIndex<number>();
        const model = new Set<string>();
        for (const { add, stream, identifier, member } of steps) {
          const key = JSON.stringify([stream, identifier, member]);
          const ofStream = (): number => [...model].filter((entry) => (JSON.parse(entry) as string[])[0] === stream).length;
          const before = ofStream();
          const edge = add ? index.add(stream, identifier, member) : index.remove(stream, identifier, member);
          if (add) model.add(key);
          else model.delete(key);
          expect(edge).toBe(add ? before === 0 : before === 1 && ofStream() === 0);
        }
        const found = new Set<string>();
        const streams = new Set([...model].map((entry) => (JSON.parse(entry) as [string])[0]));
        for (const stream of streams) {
          for (const { identifier, members } of index.groups(stream)?.values() ?? []) {
            for (const member of members) found.add(JSON.stringify([stream, identifier, member]));
          }
        }
        expect(found).toEqual(model);
        expect(index.size).toBe(streams.size);
      }),
    );
  });
});
