import { describe, expect, it } from "vitest";
import { readCommand, readConnect, writeCommand, writeConnect, writeDisconnect } from "../../../src/rpc/grpc-messages.ts";

// Field numbers and wire types of AnyCable's contract, written out by hand: both sides of the other tests use the same generated code,
// and would agree on wrong numbers too.
const field = (number: number, ...parts: (Buffer | string)[]): Buffer => {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const entry = (number: number, key: string, value: string): Buffer => field(number, field(1, key), field(2, value));
const integer = (number: number, value: number): Buffer => Buffer.from([number << 3, value]);

const env = { url: "http://a/cable", headers: new Map([["cookie", "x=1"]]) };
const envBytes = [field(1, "http://a/cable"), entry(2, "cookie", "x=1")];

describe("gRPC messages", () => {
  it("writes ConnectionRequest", () => {
    expect(writeConnect({ sid: "s", env })).toEqual(field(3, ...envBytes));
  });

  it("writes CommandMessage", () => {
    const request = { sid: "s", env, command: "message", identifier: "id", connectionIdentifiers: "ids", data: "hi" } as const;
    expect(writeCommand({ ...request, cstate: new Map([["c", "1"]]), istate: new Map([["i", "2"]]) })).toEqual(
      Buffer.concat([
        field(1, "message"),
        field(2, "id"),
        field(3, "ids"),
        field(4, "hi"),
        field(5, ...envBytes, entry(3, "c", "1"), entry(4, "i", "2")),
      ]),
    );
  });

  it("writes DisconnectRequest, with states as JSON", () => {
    const request = { sid: "s", env, connectionIdentifiers: "ids", subscriptions: ["a", "b"], cstate: new Map([["c", "1"]]) };
    expect(writeDisconnect({ ...request, istates: new Map([["a", new Map([["i", "2"]])]]) })).toEqual(
      Buffer.concat([field(1, "ids"), field(2, "a"), field(2, "b"), field(5, ...envBytes, entry(3, "c", "1"), entry(4, "a", '{"i":"2"}'))]),
    );
  });

  it("reads ConnectionResponse", () => {
    const bytes = Buffer.concat([integer(1, 1), field(2, "ids"), field(3, "t1"), field(3, "t2"), field(5, entry(1, "c", "1"))]);
    expect(readConnect(bytes)).toEqual({
      status: "accepted",
      identifiers: "ids",
      transmissions: ["t1", "t2"],
      cstate: new Map([["c", "1"]]),
    });
  });

  it("reads CommandResponse, and passes over what it does not know", () => {
    const bytes = Buffer.concat([
      integer(1, 2),
      integer(2, 1),
      integer(3, 1),
      field(4, "s1"),
      field(5, "t1"),
      field(7, entry(1, "c", "1"), entry(2, "i", "2")),
      field(8, "s2"),
      field(9, field(1, "join"), field(2, "7"), field(3, "{}"), integer(4, 5)),
      field(15, "from the future"),
    ]);
    expect(readCommand(bytes)).toEqual({
      status: "rejected",
      disconnect: true,
      stopAllStreams: true,
      streams: ["s1"],
      transmissions: ["t1"],
      cstate: new Map([["c", "1"]]),
      istate: new Map([["i", "2"]]),
      stoppedStreams: ["s2"],
      presence: { type: "join", id: "7", info: "{}" },
    });
  });

  it("reads the error of field 6 in CommandResponse and of field 4 in ConnectionResponse", () => {
    expect(() => readCommand(field(6, "boom"))).toThrow(/answered with an error: boom$/);
    expect(() => readConnect(field(4, "bang"))).toThrow(/answered with an error: bang$/);
    expect(() => readConnect(Buffer.alloc(0))).toThrow(/doesn't say why/);
  });

  it("shortens an error that is a whole page", () => {
    const message = Buffer.from("x".repeat(100_000));
    const length = Buffer.from([0x32, 0xa0, 0x8d, 0x06]);
    expect(() => readCommand(Buffer.concat([length, message]))).toThrow(/error: x{1000}$/);
  });
});
