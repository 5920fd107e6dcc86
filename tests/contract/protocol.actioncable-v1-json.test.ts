import { expect, it } from "vitest";
import type { ClientCommand } from "../../src/protocols/messages.ts";
import { actioncableV1Json } from "../../src/protocols/actioncable-v1-json.ts";
import { chooseSubprotocol, protocolNamed } from "../../src/protocols/negotiate.ts";
import { protocolContract } from "./protocol.contract.ts";

const identifier = '{"channel":"ChatChannel","id":"1"}';

function encodeCommand(command: ClientCommand): string {
  if (command.command === "whisper") return JSON.stringify({ ...command, data: JSON.parse(command.data) as unknown });
  if (command.command !== "subscribe") return JSON.stringify(command);
  const { identifier: about, wantsHistory } = command;
  return JSON.stringify({ command: "subscribe", identifier: about, ...(wantsHistory && { history: { since: 1 } }) });
}

const wrongTypes = ["command", "identifier", "data"].flatMap((field) =>
  [42, null, true, [], {}].map((value) => {
    const command = { command: "message", identifier, data: "{}", [field]: value };
    return [`${field} = ${JSON.stringify(value)}`, JSON.stringify(command)] as const;
  }),
);

protocolContract("actioncable-v1-json", () => ({
  protocol: actioncableV1Json,
  encodeCommand,
  decodeMessage: (payload) => JSON.parse(String(payload)) as unknown,
  golden: [
    [{ type: "welcome", sid: "s1" }, '{"type":"welcome","sid":"s1"}'],
    [{ type: "ping", timestamp: 1_700_000_000 }, '{"type":"ping","message":1700000000}'],
    [{ type: "ping", timestamp: 1_700_000_000_123_456_789n }, '{"type":"ping","message":1700000000123456789}'],
    [{ type: "pong" }, '{"type":"pong"}'],
    [{ type: "disconnect", reason: "server_restart", reconnect: true }, '{"type":"disconnect","reason":"server_restart","reconnect":true}'],
    [{ type: "confirm_subscription", identifier }, `{"type":"confirm_subscription","identifier":${JSON.stringify(identifier)}}`],
    [{ type: "reject_subscription", identifier }, `{"type":"reject_subscription","identifier":${JSON.stringify(identifier)}}`],
    [{ type: "reject_history", identifier }, `{"type":"reject_history","identifier":${JSON.stringify(identifier)}}`],
    [
      { type: "presence_error", identifier },
      `{"type":"presence","identifier":${JSON.stringify(identifier)},"message":{"type":"error","total":0}}`,
    ],
    // Big integers, key order, spacing and number forms of the application's JSON arrive as they were.
    [
      { type: "data", identifier: "x", json: '{ "b": 9007199254740993, "a": 1.0 }', broadcastType: undefined },
      '{"identifier":"x","message":{ "b": 9007199254740993, "a": 1.0 }}',
    ],
    [
      { type: "data", identifier: "x", json: '{"type":"join"}', broadcastType: "presence" },
      '{"type":"presence","identifier":"x","message":{"type":"join"}}',
    ],
    [{ type: "data", identifier: "x", json: "1", broadcastType: "" }, '{"identifier":"x","message":1}'],
    [{ type: "transmission", json: '{"type":"welcome", "sid": 1}' }, '{"type":"welcome", "sid": 1}'],
  ],
  malformed: [
    ["an empty frame", ""],
    ["broken JSON", '{"command":"ping"'],
    ["a JSON array", "[]"],
    ["a JSON string", '"ping"'],
    ["JSON null", "null"],
    ["an object without a command", "{}"],
    ["a binary frame", Buffer.from('{"command":"ping"}')],
    ["an empty identifier", '{"command":"subscribe","identifier":""}'],
    ["a missing identifier", '{"command":"subscribe"}'],
    ["a message without data", `{"command":"message","identifier":${JSON.stringify(identifier)}}`],
    ["a whisper without data", `{"command":"whisper","identifier":${JSON.stringify(identifier)}}`],
    ["history that is a list", `{"command":"subscribe","identifier":"x","history":[]}`],
    ["history that is a number", `{"command":"subscribe","identifier":"x","history":1}`],
    ["a command in __proto__", '{"__proto__":{"command":"ping"}}'],
    ["a hundred thousand open brackets", "[".repeat(100_000)],
    ...wrongTypes,
  ],
}));

it("keeps a command that it does not know apart from a malformed one", () => {
  expect(actioncableV1Json.decode('{"command":"dance","identifier":7}')).toEqual({ command: "unknown", name: "dance" });
});

it("takes the server's first choice among the offered subprotocols, and serves clients that offer none of ours", () => {
  expect(chooseSubprotocol(new Set(["actioncable-unsupported", "actioncable-v1-json"]))).toBe("actioncable-v1-json");
  expect(chooseSubprotocol(new Set(["graphql-ws", "anycable-token.abc"]))).toBeUndefined();
  expect(protocolNamed("")).toBe(actioncableV1Json);
});
