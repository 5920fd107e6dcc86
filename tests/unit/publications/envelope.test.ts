import { describe, expect, it } from "vitest";
import { decodeMessage, encodeCommand, encodePublication, positionFields } from "../../../src/publications/envelope.ts";
import type { Publication } from "../../../src/publications/publication.ts";

const plain: Publication = {
  stream: "chat/1",
  json: '{"big":12345678901234567890, "b":1}',
  excludeSid: undefined,
  broadcastType: undefined,
  isTransient: false,
  receivedAtMs: 5,
};

describe("what nodes say to each other", () => {
  it.each<[string, Publication]>([
    ["a plain publication", plain],
    ["one with a position", { ...plain, position: { epoch: 'e"1', offset: 12 } }],
    ["a string", { ...plain, json: '"hi"' }],
    [
      "one with everything",
      { ...plain, excludeSid: "s1", broadcastType: "presence", isTransient: true, trace: { traceparent: "t", tracestate: "s" } },
    ],
  ])("%s arrives as it was sent", (_name, publication) => {
    expect(decodeMessage(encodePublication(publication), 5)).toEqual(publication);
  });

  it("is AnyCable's text", () => {
    expect(encodePublication({ ...plain, json: "1", excludeSid: "s", position: { epoch: "x", offset: 3 } })).toBe(
      '{"stream":"chat/1","data":"1","meta":{"exclude_socket":"s"},"epoch":"x","offset":3}',
    );
    expect(encodeCommand({ command: "disconnect", identifiers: "u1", reconnect: true })).toBe(
      '{"command":"disconnect","payload":{"identifier":"u1","reconnect":true}}',
    );
  });

  it("takes a position that a store puts in by itself", () => {
    const text = encodePublication(plain);
    const stored = `${text.slice(0, -1)}${positionFields('"e1"', "7")}}`;
    expect(decodeMessage(stored, 5)).toEqual({ ...plain, position: { epoch: "e1", offset: 7 } });
  });

  it("carries commands", () => {
    expect(decodeMessage(encodeCommand({ command: "supersede", sid: "s" }), 0)).toEqual({ command: "supersede", sid: "s" });
    expect(decodeMessage(encodeCommand({ command: "disconnect", identifiers: "u", reconnect: false }), 0)).toEqual({
      command: "disconnect",
      identifiers: "u",
      reconnect: false,
    });
    expect(decodeMessage('{"command":"dance"}', 0)).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["null", "null"],
    ["a batch", '[{"stream":"a","data":"1"},{"stream":"a","data":"2"}]'],
    ["a supersede without a sid", '{"command":"supersede","payload":{}}'],
    ["an offset of 0", '{"stream":"a","data":"1","epoch":"e","offset":0}'],
    ["an offset that is no whole number", '{"stream":"a","data":"1","epoch":"e","offset":1.5}'],
    ["an offset without an epoch", '{"stream":"a","data":"1","offset":1}'],
  ])("refuses %s", (_name, text) => {
    expect(() => decodeMessage(text, 0)).toThrow(expect.objectContaining({ code: "publication.malformed" }) as Error);
  });
});
