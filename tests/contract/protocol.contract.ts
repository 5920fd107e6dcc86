import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CableError } from "../../src/errors.ts";
import type { ClientCommand, ServerMessage } from "../../src/protocols/messages.ts";
import type { Payload, Protocol } from "../../src/protocols/protocol.ts";

/** What a protocol's author brings: the other side of the conversation, and frames recorded by hand from the specification. */
export interface ProtocolUnderTest {
  readonly protocol: Protocol;
  /** What a client of this protocol would send. */
  readonly encodeCommand: (command: ClientCommand) => Payload;
  /** What a client of this protocol would understand. */
  readonly decodeMessage: (payload: Payload) => unknown;
  /** Message → exactly these payloads. */
  readonly golden: readonly (readonly [ServerMessage, Payload])[];
  /** Payloads that are no commands. */
  readonly malformed: readonly (readonly [string, Payload])[];
}

const text = fc.oneof(
  fc.string({ unit: "binary", minLength: 1 }),
  fc.constantFrom("__proto__", '{"channel":"ChatChannel"}', '"', "\\", "\u2028", "😀"),
);
const identifier = text;

const history = fc.record({
  since: fc.nat(),
  streams: fc.array(fc.tuple(text, fc.record({ epoch: text, offset: fc.maxSafeNat() }))).map((entries) => new Map(entries)),
});
const presence = fc.record({ id: text, info: fc.json().map((json) => JSON.stringify(JSON.parse(json))) });

const commands: fc.Arbitrary<ClientCommand> = fc.oneof(
  fc.record({
    command: fc.constant("subscribe" as const),
    identifier,
    history: fc.option(history, { nil: undefined }),
    presence: fc.option(presence, { nil: undefined }),
  }),
  fc.record({ command: fc.constantFrom("unsubscribe" as const, "leave" as const), identifier }),
  fc.record({ command: fc.constant("history" as const), identifier, history: fc.option(history, { nil: undefined }) }),
  fc.record({ command: fc.constant("presence" as const), identifier, withRecords: fc.boolean() }),
  fc.record({ command: fc.constant("join" as const), identifier, presence }),
  fc.record({ command: fc.constant("message" as const), identifier, data: fc.string({ unit: "binary" }) }),
  fc.record({ command: fc.constant("whisper" as const), identifier, data: fc.json() }),
  fc.constantFrom<ClientCommand>({ command: "ping" }, { command: "pong" }),
);

export function protocolContract(name: string, open: () => ProtocolUnderTest): void {
  describe(`protocol ${name}`, () => {
    const { protocol, encodeCommand, decodeMessage, golden, malformed } = open();

    it("is known by its subprotocol name", () => {
      expect(protocol.name).toBe(name);
    });

    it("understands every command that a client can send", () => {
      fc.assert(
        fc.property(commands, (command) => {
          const expected = command.command === "whisper" ? { ...command, data: JSON.stringify(JSON.parse(command.data)) } : command;
          expect(protocol.decode(encodeCommand(command))).toEqual(expected);
        }),
      );
    });

    it("says what it was told to say, in a form that a client understands", () => {
      const identifiers = fc.constantFrom(
        "confirm_subscription" as const,
        "reject_subscription" as const,
        "confirm_history" as const,
        "reject_history" as const,
      );
      fc.assert(
        fc.property(identifiers, identifier, fc.json(), (type, id, json) => {
          expect(decodeMessage(protocol.encode({ type, identifier: id }))).toEqual({ type, identifier: id });
          const data = { type: "data", identifier: id, json, broadcastType: undefined } as const;
          expect(decodeMessage(protocol.encode(data))).toEqual({ identifier: id, message: JSON.parse(json) });
        }),
      );
    });

    it.each(golden.map(([message, payload]) => [message.type, message, payload] as const))(
      "encodes %s exactly",
      (_type, message, payload) => {
        expect(protocol.encode(message)).toEqual(payload);
      },
    );

    it.each(malformed)("refuses %s", (_what, payload) => {
      expect(() => protocol.decode(payload)).toThrow(expect.objectContaining({ code: "protocol.malformed" }));
    });

    it("answers any bytes with a command or with protocol.malformed, and nothing else", () => {
      const anything = fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.uint8Array());
      fc.assert(
        fc.property(anything, (payload) => {
          try {
            expect(typeof protocol.decode(payload).command).toBe("string");
          } catch (error) {
            if (!(error instanceof CableError)) throw error;
            expect(error.code).toBe("protocol.malformed");
          }
        }),
      );
    });
  });
}
