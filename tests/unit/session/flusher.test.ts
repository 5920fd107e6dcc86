import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { Flusher } from "../../../src/session/flusher.ts";
import { Outbox } from "../../../src/session/outbox.ts";
import type { Connection, Frame } from "../../../src/transports/transport.ts";
import { websocketFraming } from "../../../src/transports/websocket-framing.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const frame = (text: string): Frame => websocketFraming.frame(text);

/** An outbox on a network that takes what it is told to take, and then reports back. */
function outboxOn(flusher: Flusher, { takes }: { readonly takes: boolean }): { readonly outbox: Outbox; readonly written: string[] } {
  const written: string[] = [];
  const connection: Pick<Connection, "write"> = {
    write(chunks) {
      written.push(Buffer.concat(chunks).toString("latin1"));
      return takes;
    },
  };
  const owner = { stalled: (): void => {} };
  return { outbox: new Outbox(connection as Connection, flusher, createMetrics(), owner), written };
}

describe("a turn", () => {
  it("has one run that all outboxes start from, whether they can be written to or not", () => {
    const flusher = new Flusher(new FakeClock(), createMetrics());
    expect(flusher.emptyRun).toBe(flusher.emptyRun);
  });

  it("ends that run, also when every network is busy: else all that is sent would be kept", async () => {
    const flusher = new Flusher(new FakeClock(), createMetrics());
    const { outbox, written } = outboxOn(flusher, { takes: false });
    outbox.push(frame("a"));
    await turn();
    const before = flusher.emptyRun;
    for (const text of ["b", "c"]) {
      // While "a", then "b", is still on its way.
      outbox.push(frame(text));
      await turn();
      expect(written.at(-1)).not.toContain(text);
      outbox.drained();
      expect(written.at(-1)).toContain(text);
    }
    expect(flusher.emptyRun).not.toBe(before);
  });

  it("is not held against a network that could not report back in it; the next one is", async () => {
    const flusher = new Flusher(new FakeClock(), createMetrics());
    const { outbox, written } = outboxOn(flusher, { takes: false });
    // Past what is written before the end of the turn, so the network is busy from here on.
    outbox.push(frame("x".repeat(300_000)));
    expect(written).toHaveLength(1);
    outbox.push(frame("burst"));
    outbox.push(frame("burst"));
    expect(outbox.waitingBytes).toBe(0);
    await turn();
    expect(outbox.waitingBytes).toBe(0);
    outbox.push(frame("later"));
    expect(outbox.waitingBytes).toBe(7);
    await turn();
    outbox.push(frame("still later"));
    expect(outbox.waitingBytes).toBe(20);
    // All of it is written in one, and what comes in the same turn is excused again.
    outbox.drained();
    outbox.push(frame("more"));
    expect([written.length, outbox.waitingBytes]).toEqual([2, 0]);
    await turn();
    outbox.push(frame("more"));
    outbox.clear();
    expect(outbox.waitingBytes).toBe(0);
    outbox.push(frame("bye"));
    expect(outbox.waitingBytes).toBe(5);
  });

  it("is also the one after a write at the end of a turn, whose report comes after it at the earliest", async () => {
    const flusher = new Flusher(new FakeClock(), createMetrics());
    const { outbox, written } = outboxOn(flusher, { takes: false });
    outbox.push(frame("a"));
    await turn();
    expect(written).toHaveLength(1);
    outbox.push(frame("excused"));
    expect(outbox.waitingBytes).toBe(0);
    await turn();
    outbox.push(frame("counted"));
    expect(outbox.waitingBytes).toBe(9);
  });

  it("writes at its end what came in it, each outbox once", async () => {
    const flusher = new Flusher(new FakeClock(), createMetrics());
    const [one, other] = [outboxOn(flusher, { takes: true }), outboxOn(flusher, { takes: true })];
    const [a, b] = [frame("a"), frame("b")];
    for (const { outbox } of [one, other]) outbox.push(a);
    one.outbox.push(b);
    expect(one.written).toEqual([]);
    await turn();
    expect([one.written, other.written]).toEqual([["\x81\x01a\x81\x01b"], ["\x81\x01a"]]);
    await turn();
    expect(one.written).toHaveLength(1);
  });
});
