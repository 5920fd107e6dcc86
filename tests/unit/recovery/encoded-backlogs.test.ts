import { describe, expect, it } from "vitest";
import { actioncableV1ExtJson } from "../../../src/protocols/actioncable-v1-json.ts";
import type { Publication } from "../../../src/publications/publication.ts";
import { EncodedBacklogs } from "../../../src/recovery/encoded-backlogs.ts";
import { Encoding } from "../../../src/session/encoding.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function stage() {
  const clock = new FakeClock();
  const framing = {
    frame: (payload: string | Uint8Array) => {
      const bytes = Buffer.from(payload);
      return { bytes, payloadBytes: bytes.length };
    },
  };
  return { clock, backlogs: new EncodedBacklogs(clock), encoding: new Encoding(actioncableV1ExtJson, framing) };
}

/** As a store reads it: an object of its own each time. */
function read(offset: number, json: string, { epoch = "e1", stream = "chat" } = {}): Publication {
  const position = { epoch, offset };
  return { stream, json, excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0, position };
}

const textOf = (frame: { readonly bytes: Buffer }): string => frame.bytes.toString();

describe("what clients that come back are sent", () => {
  it("is encoded once for all who ask within seconds", () => {
    const { clock, backlogs, encoding } = stage();
    const first = backlogs.frame(read(1, '"a"'), "id", encoding);
    backlogs.frame(read(1, '"b"', { stream: "other" }), "id", encoding);
    clock.advance(4_900);
    expect(backlogs.frame(read(1, '"a"'), "id", encoding)).toBe(first);
    clock.advance(200);
    expect(clock.pending).toBe(0);
    expect(backlogs.frame(read(1, '"a"'), "id", encoding)).not.toBe(first);
  });

  it("is never that of another stream, identifier, epoch or publication", () => {
    const { backlogs, encoding } = stage();
    backlogs.frame(read(1, '"a"'), "id", encoding);
    expect(textOf(backlogs.frame(read(1, '"a"'), "id2", encoding))).toContain("id2");
    expect(textOf(backlogs.frame(read(1, '"b"', { stream: "other" }), "id", encoding))).toContain('"b"');
    expect(textOf(backlogs.frame(read(1, '"a"', { epoch: "e2" }), "id", encoding))).toContain("e2");
    expect(textOf(backlogs.frame(read(1, '"c"', { epoch: "e2" }), "id", encoding))).toContain('"c"');
  });

  it("is forgotten when it is much", () => {
    const { backlogs, encoding } = stage();
    const first = backlogs.frame(read(1, '"a"'), "id", encoding);
    for (let offset = 2; offset < 12; offset++) backlogs.frame(read(offset, JSON.stringify("x".repeat(1_000_000))), "id", encoding);
    expect(backlogs.frame(read(1, '"a"'), "id", encoding)).not.toBe(first);
  });
});
