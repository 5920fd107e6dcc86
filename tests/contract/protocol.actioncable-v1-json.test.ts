import { expect, it } from "vitest";
import { ABSURD_POSITION, type ClientCommand } from "../../src/protocols/messages.ts";
import { actioncableV1ExtJson, actioncableV1Json } from "../../src/protocols/actioncable-v1-json.ts";
import { chooseSubprotocol, protocolNamed } from "../../src/protocols/negotiate.ts";
import { protocolContract } from "./protocol.contract.ts";

const identifier = '{"channel":"ChatChannel","id":"1"}';

function encodeCommand(command: ClientCommand): string {
  switch (command.command) {
    case "whisper":
      return JSON.stringify({ ...command, data: JSON.parse(command.data) as unknown });
    case "subscribe":
    case "history":
    case "join": {
      const { history, presence } = command as Extract<ClientCommand, { command: "subscribe" }>;
      return JSON.stringify({
        ...command,
        ...(history && { history: { since: history.since, streams: ownEntries(history.streams) } }),
        ...(presence && { presence: { id: presence.id, info: JSON.parse(presence.info) as unknown } }),
      });
    }
    case "presence":
      return JSON.stringify({ command: "presence", identifier: command.identifier, data: { return_records: command.withRecords } });
    default:
      return JSON.stringify(command);
  }
}

/** `__proto__` too is a name of a stream. */
function ownEntries<Value>(map: ReadonlyMap<string, Value>): Record<string, Value> {
  const entries: Record<string, Value> = {};
  for (const [key, value] of map) Object.defineProperty(entries, key, { value, enumerable: true });
  return entries;
}

const wrongTypes = ["command", "identifier", "data"].flatMap((field) =>
  [42, null, true, [], {}].map((value) => {
    const command = { command: "message", identifier, data: "{}", [field]: value };
    return [`${field} = ${JSON.stringify(value)}`, JSON.stringify(command)] as const;
  }),
);

for (const protocol of [actioncableV1Json, actioncableV1ExtJson])
  protocolContract(protocol.name, () => ({
    protocol,
    encodeCommand,
    decodeMessage: (payload) => JSON.parse(String(payload)) as unknown,
    golden: [
      [{ type: "welcome", sid: "s1" }, '{"type":"welcome","sid":"s1"}'],
      [{ type: "ping", timestamp: 1_700_000_000 }, '{"type":"ping","message":1700000000}'],
      [{ type: "ping", timestamp: 1_700_000_000_123_456_789n }, '{"type":"ping","message":1700000000123456789}'],
      [{ type: "pong" }, '{"type":"pong"}'],
      [
        { type: "disconnect", reason: "server_restart", reconnect: true },
        '{"type":"disconnect","reason":"server_restart","reconnect":true}',
      ],
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
      [
        { type: "data", identifier: "x", json: "1", broadcastType: undefined, position: { stream: "a", epoch: "e", offset: 7 } },
        '{"identifier":"x","message":1,"stream_id":"a","epoch":"e","offset":7}',
      ],
      [{ type: "welcome_back", sid: "s2", restoredIds: ["a"] }, '{"type":"welcome","sid":"s2","restored":true,"restored_ids":["a"]}'],
      [{ type: "welcome_back", sid: "s2", restoredIds: [] }, '{"type":"welcome","sid":"s2","restored":true}'],
      [{ type: "confirm_history", identifier: "x" }, '{"type":"confirm_history","identifier":"x"}'],
      [
        { type: "presence_info", identifier: "x", total: 1, records: [{ id: "42", info: '{"name":"Vova"}' }] },
        '{"type":"presence","identifier":"x","message":{"type":"info","total":1,"records":[{"info":{"name":"Vova"},"id":"42"}]}}',
      ],
      [
        { type: "presence_info", identifier: "x", total: 0, records: [] },
        '{"type":"presence","identifier":"x","message":{"type":"info","total":0}}',
      ],
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
      ["positions that are a list", '{"command":"history","identifier":"x","history":{"streams":[]}}'],
      ["a join without an id", '{"command":"join","identifier":"x","presence":{"info":1}}'],
      ["a join without presence", '{"command":"join","identifier":"x"}'],
      ["a presence id of megabytes", JSON.stringify({ command: "join", identifier: "x", presence: { id: "x".repeat(2_000_000) } })],
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

it.each([
  ["a negative offset", { epoch: "e", offset: -1 }],
  ["an offset beyond all integers", { epoch: "e", offset: 1e308 }],
  ["an offset that is a string", { epoch: "e", offset: "1" }],
  ["an epoch that is a number", { epoch: 1, offset: 1 }],
  ["no position", null],
])("understands %s as what nobody has", (_what, position) => {
  const command = { command: "history", identifier: "x", history: { since: -1, streams: { a: position } } };
  expect(actioncableV1Json.decode(JSON.stringify(command))).toEqual({
    command: "history",
    identifier: "x",
    history: { since: 0, streams: new Map([["a", ABSURD_POSITION]]) },
  });
});
