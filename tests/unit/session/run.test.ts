import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Run } from "../../../src/session/run.ts";
import type { Frame } from "../../../src/transports/transport.ts";

function frame(text: string): Frame {
  return { bytes: Buffer.from(text), payloadBytes: text.length };
}

const bytesOf = (run: Run): string => Buffer.concat(run.chunks()).toString();

describe("Run", () => {
  it("is the same object for the same frames, so that its bytes are joined once", () => {
    const [a, b] = [frame("a"), frame("b")];
    const empty = Run.empty();
    const one = empty.next(a).next(b);
    const other = empty.next(a).next(b);
    expect(one).toBe(other);
    expect(one.chunks()).toBe(other.chunks());
    expect(bytesOf(one)).toBe("ab");
  });

  it("never mixes up two frames that look alike", () => {
    const empty = Run.empty();
    expect(empty.next(frame("a"))).not.toBe(empty.next(frame("a")));
  });

  it("hands a lone frame on without a copy, and large ones among small ones too", () => {
    const alone = frame("alone");
    expect(Run.empty().next(alone).chunks()[0]).toBe(alone.bytes);
    const large = frame("x".repeat(100_000));
    const chunks = Run.empty().next(frame("a")).next(frame("b")).next(large).next(frame("c")).chunks();
    expect(chunks.map((chunk) => chunk.length)).toEqual([2, 100_000, 1]);
    expect(chunks[1]).toBe(large.bytes);
  });

  it("gives every session the bytes of its own frames, whatever the others are sent meanwhile", () => {
    const action = fc.record({ session: fc.nat(9), frame: fc.nat(5), flush: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        // A frame's text is not its identity: half of them have a twin with the same text.
        const frames = Array.from({ length: 6 }, (_, at) => frame(`<${at >> 1}>`));
        let empty = Run.empty();
        const runs = new Map<number, Run>();
        const expected = new Map<number, string>();
        for (const { session, frame: at, flush } of actions) {
          const run = (runs.get(session) ?? empty).next(frames[at]!);
          runs.set(session, run);
          const text = (expected.get(session) ?? "") + frames[at]!.bytes.toString();
          expected.set(session, text);
          expect(bytesOf(run)).toBe(text);
          expect(run.bytes).toBe(text.length);
          if (flush) {
            // A turn ends: most sessions are written, the odd ones are stalled and keep their run.
            empty = Run.empty();
            for (const [id, waiting] of runs) {
              expect(bytesOf(waiting)).toBe(expected.get(id));
              if (id % 3 !== 0) {
                runs.delete(id);
                expected.delete(id);
              }
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
