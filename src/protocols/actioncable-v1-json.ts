import { decodeHistory, decodePresence, malformed } from "./decode-fields.ts";
import type { ClientCommand, ServerMessage } from "./messages.ts";
import type { Payload, Protocol } from "./protocol.ts";
import { rawMember } from "./raw-member.ts";

/**
 * Action Cable's own protocol, `actioncable-v1-json`, with AnyCable's additions. Key order is AnyCable 1.6.16's, byte for byte; only
 * the application's JSON is left as it came, where AnyCable parses and prints it again.
 */
export const actioncableV1Json: Protocol = { name: "actioncable-v1-json", answersPings: false, restoresSessions: false, encode, decode };

/**
 * AnyCable's extended protocol. The messages are the same, in both directions; its clients also come back to their session by its sid,
 * and answer pings.
 */
export const actioncableV1ExtJson: Protocol = {
  ...actioncableV1Json,
  name: "actioncable-v1-ext-json",
  answersPings: true,
  restoresSessions: true,
};

function encode(message: ServerMessage): string {
  switch (message.type) {
    case "data": {
      const { broadcastType, identifier, json, position } = message;
      const type = broadcastType ? `"type":${JSON.stringify(broadcastType)},` : "";
      if (position === undefined) return `{${type}"identifier":${JSON.stringify(identifier)},"message":${json}}`;
      const { stream, epoch, offset } = position;
      return `{${type}"identifier":${JSON.stringify(identifier)},"message":${json},"stream_id":${JSON.stringify(stream)},"epoch":${JSON.stringify(epoch)},"offset":${offset}}`;
    }
    case "transmission":
      return message.json;
    case "ping":
      return `{"type":"ping","message":${message.timestamp}}`;
    case "pong":
      return '{"type":"pong"}';
    case "welcome":
      return `{"type":"welcome","sid":${JSON.stringify(message.sid)}}`;
    case "welcome_back": {
      const ids = message.restoredIds.length === 0 ? "" : `,"restored_ids":${JSON.stringify(message.restoredIds)}`;
      return `{"type":"welcome","sid":${JSON.stringify(message.sid)},"restored":true${ids}}`;
    }
    case "disconnect":
      return `{"type":"disconnect","reason":${JSON.stringify(message.reason)},"reconnect":${message.reconnect}}`;
    case "presence_info": {
      const records = message.records.map(({ id, info }) => `{"info":${info},"id":${JSON.stringify(id)}}`);
      const text = records.length === 0 ? "" : `,"records":[${records.join(",")}]`;
      return `{"type":"presence","identifier":${JSON.stringify(message.identifier)},"message":{"type":"info","total":${message.total}${text}}}`;
    }
    case "presence_error":
      return `{"type":"presence","identifier":${JSON.stringify(message.identifier)},"message":{"type":"error","total":0}}`;
    case "confirm_subscription":
    case "reject_subscription":
    case "confirm_history":
    case "reject_history":
      return `{"type":"${message.type}","identifier":${JSON.stringify(message.identifier)}}`;
  }
}

function decode(payload: Payload): ClientCommand {
  if (typeof payload !== "string") throw malformed("a binary frame; this protocol speaks text");
  let fields: unknown;
  try {
    fields = JSON.parse(payload);
  } catch {
    throw malformed("not JSON");
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) throw malformed("not a JSON object");
  const { command, identifier, data, history, presence } = fields as Readonly<Record<string, unknown>>;
  if (typeof command !== "string") throw malformed("`command` must be a string");
  switch (command) {
    case "ping":
    case "pong":
      return { command };
    case "subscribe":
      return { command, identifier: identifierOf(identifier), history: decodeHistory(history), presence: decodePresence(presence) };
    case "unsubscribe":
    case "leave":
      return { command, identifier: identifierOf(identifier) };
    case "history":
      return { command, identifier: identifierOf(identifier), history: decodeHistory(history) };
    case "presence":
      return { command, identifier: identifierOf(identifier), withRecords: !wantsNoRecords(data) };
    case "join": {
      const asked = decodePresence(presence);
      if (asked === undefined) throw malformed("`join` needs `presence` with an `id`");
      return { command, identifier: identifierOf(identifier), presence: asked };
    }
    case "message":
      if (typeof data !== "string") throw malformed("`data` of a message must be a string");
      return { command, identifier: identifierOf(identifier), data };
    case "whisper":
      if (data === undefined) throw malformed("a whisper needs `data`");
      return { command, identifier: identifierOf(identifier), data: rawMember(payload, "data")! };
    default:
      return { command: "unknown", name: command };
  }
}

function identifierOf(value: unknown): string {
  if (typeof value !== "string" || value === "") throw malformed("`identifier` must be a string that is not empty");
  return value;
}

function wantsNoRecords(data: unknown): boolean {
  return typeof data === "object" && data !== null && "return_records" in data && data.return_records === false;
}
