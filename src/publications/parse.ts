import { CableError } from "../errors.ts";
import type { TraceContext } from "../internal/trace-context.ts";
import type { Broadcast, Publication, DisconnectCommand, UnknownCommand } from "./publication.ts";

/**
 * Reads what an application publishes, whatever it came by: one publication, a batch of them, or a command. All or nothing: one bad element
 * makes the whole batch malformed. Source of the forms: AnyCable 1.6.16; unlike there, `data` and `meta` are type-checked.
 * @throws {CableError} `publication.malformed`, with what is wrong and where.
 */
export function parseBroadcast(body: string, receivedAtMs: number): readonly Broadcast[] {
  return readBroadcast(parseJson(body), receivedAtMs);
}

/** The same for a body whose JSON has been parsed. */
export function readBroadcast(value: unknown, receivedAtMs: number): readonly Broadcast[] {
  if (Array.isArray(value)) {
    if (value.length === 0) throw malformed("the batch is empty");
    return value.map((element, index) => publication(object(element, index), receivedAtMs, index));
  }
  const fields = object(value, undefined);
  // An empty stream beside a command is no publication.
  if (fields["command"] !== undefined && (fields["stream"] ?? "") === "") return [command(fields)];
  return [publication(fields, receivedAtMs, undefined)];
}

/** @throws {CableError} `publication.malformed` */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw notJson(error);
  }
}

type Fields = Readonly<Record<string, unknown>>;
/** Position in a batch. */
type Index = number | undefined;

function publication(fields: Fields, receivedAtMs: number, index: Index): Publication {
  const { stream, data, meta } = fields;
  if (typeof stream !== "string") throw wrongType("stream", "a string", stream, index);
  if (stream === "") throw malformed("stream is empty", index);
  if (typeof data !== "string") throw wrongType("data", "a string, usually of JSON", data, index);
  if (meta === undefined || meta === null) {
    return { stream, json: embeddable(data), excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs };
  }
  if (typeof meta !== "object" || Array.isArray(meta)) throw wrongType("meta", "an object", meta, index);
  const { exclude_socket: excludeSid, broadcast_type: broadcastType, transient, traceparent } = meta as Fields;
  return {
    stream,
    json: embeddable(data),
    excludeSid: optionalString("meta.exclude_socket", excludeSid, index),
    broadcastType: optionalString("meta.broadcast_type", broadcastType, index),
    isTransient: optionalBoolean("meta.transient", transient, index),
    receivedAtMs,
    trace: traceparent === undefined ? undefined : traceContext(traceparent, (meta as Fields)["tracestate"]),
  };
}

/** Not AnyCable's. It is for our eyes only, so a bad one is no reason to refuse the publication. */
function traceContext(traceparent: unknown, tracestate: unknown): TraceContext | undefined {
  if (typeof traceparent !== "string") return undefined;
  return { traceparent, tracestate: typeof tracestate === "string" ? tracestate : undefined };
}

function command(fields: Fields): DisconnectCommand | UnknownCommand {
  const { command: name, payload } = fields;
  if (typeof name !== "string") throw wrongType("command", "a string", name);
  if (name !== "disconnect") return { command: "unknown", name };
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) throw wrongType("payload", "an object", payload);
  const { identifier, reconnect } = payload as Fields;
  if (typeof identifier !== "string") throw wrongType("payload.identifier", "a string", identifier);
  return { command: "disconnect", identifiers: identifier, reconnect: optionalBoolean("payload.reconnect", reconnect) };
}

/** JSON text is embedded as it is, so that numbers and key order survive; anything else, JSON's null included, becomes a string. */
function embeddable(data: string): string {
  try {
    if (JSON.parse(data) !== null) return data;
  } catch {
    // Plain text.
  }
  return JSON.stringify(data);
}

function object(value: unknown, index: Index): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(`an object is expected, not ${kindOf(value)}`, index);
  }
  return value as Fields;
}

function optionalString(key: string, value: unknown, index: Index): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw wrongType(key, "a string", value, index);
  return value;
}

function optionalBoolean(key: string, value: unknown, index?: Index): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw wrongType(key, "true or false", value, index);
  return value;
}

function wrongType(key: string, expected: string, value: unknown, index?: Index): CableError {
  const found = value === undefined ? "missing" : kindOf(value);
  return malformed(`${key} must be ${expected}, but is ${found}`, index);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function malformed(why: string, index?: Index): CableError {
  const where = index === undefined ? "" : ` (element ${index} of the batch, counted from 0; nothing of it was delivered)`;
  return new CableError("publication.malformed", `Not a publication: ${why}${where}.`);
}

// The engine's own message quotes the body, which is not for logs.
function notJson(error: unknown): CableError {
  const position = /at position \d+/.exec(String(error))?.[0];
  return malformed(`the body is not JSON${position === undefined ? "" : ` (${position})`}`);
}
