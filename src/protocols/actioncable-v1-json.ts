import { CableError } from "../errors.ts";
import type { ClientCommand, ServerMessage } from "./messages.ts";
import type { Payload, Protocol } from "./protocol.ts";

/**
 * Action Cable's own protocol, `actioncable-v1-json`, with AnyCable's additions. Key order is AnyCable 1.6.16's, byte for byte; only
 * the application's JSON is left as it came, where AnyCable parses and prints it again.
 */
export const actioncableV1Json: Protocol = { name: "actioncable-v1-json", answersPings: false, encode, decode };

function encode(message: ServerMessage): string {
  switch (message.type) {
    case "data":
      return message.broadcastType
        ? `{"type":${JSON.stringify(message.broadcastType)},"identifier":${JSON.stringify(message.identifier)},"message":${message.json}}`
        : `{"identifier":${JSON.stringify(message.identifier)},"message":${message.json}}`;
    case "transmission":
      return message.json;
    case "ping":
      return `{"type":"ping","message":${message.timestamp}}`;
    case "pong":
      return '{"type":"pong"}';
    case "welcome":
      return `{"type":"welcome","sid":${JSON.stringify(message.sid)}}`;
    case "disconnect":
      return `{"type":"disconnect","reason":${JSON.stringify(message.reason)},"reconnect":${message.reconnect}}`;
    case "presence_error":
      return `{"type":"presence","identifier":${JSON.stringify(message.identifier)},"message":{"type":"error","total":0}}`;
    case "confirm_subscription":
    case "reject_subscription":
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
  const { command, identifier, data, history } = fields as Record<"command" | "identifier" | "data" | "history", unknown>;
  if (typeof command !== "string") throw malformed("`command` must be a string");
  switch (command) {
    case "ping":
    case "pong":
      return { command };
    case "subscribe":
      if (history !== undefined && (typeof history !== "object" || Array.isArray(history))) {
        throw malformed("`history` must be an object");
      }
      return { command, identifier: identifierOf(identifier), wantsHistory: history !== undefined && history !== null };
    case "unsubscribe":
    case "history":
    case "presence":
    case "join":
    case "leave":
      return { command, identifier: identifierOf(identifier) };
    case "message":
      if (typeof data !== "string") throw malformed("`data` of a message must be a string");
      return { command, identifier: identifierOf(identifier), data };
    case "whisper":
      if (data === undefined) throw malformed("a whisper needs `data`");
      return { command, identifier: identifierOf(identifier), data: JSON.stringify(data) };
    default:
      return { command: "unknown", name: command };
  }
}

function identifierOf(value: unknown): string {
  if (typeof value !== "string" || value === "") throw malformed("`identifier` must be a string that is not empty");
  return value;
}

function malformed(why: string): CableError {
  return new CableError("protocol.malformed", `malformed message: ${why}`);
}
