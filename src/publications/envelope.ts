import { CableError } from "../errors.ts";
import { parseJson, readBroadcast } from "./parse.ts";
import type { Publication, RemoteCommand, StreamPosition } from "./publication.ts";

/**
 * What nodes say to each other, whatever it travels by: the text form of AnyCable 1.6.16, which is what applications send, plus a
 * publication's position and the command `supersede`. The application's JSON stays as it was.
 */
export function encodePublication(publication: Publication): string {
  const { stream, json, position } = publication;
  const meta = metaOf(publication);
  const withMeta = meta === undefined ? "" : `,"meta":${JSON.stringify(meta)}`;
  const withPosition = position === undefined ? "" : positionFields(JSON.stringify(position.epoch), String(position.offset));
  return `{"stream":${JSON.stringify(stream)},"data":${JSON.stringify(json)}${withMeta}${withPosition}}`;
}

/** The text between a publication's last key and its closing brace that gives it a position: for stores that know it only while they store. */
export function positionFields(epochJson: string, offset: string): string {
  return `,"epoch":${epochJson},"offset":${offset}`;
}

export function encodeCommand(command: RemoteCommand): string {
  const payload =
    command.command === "disconnect" ? { identifier: command.identifiers, reconnect: command.reconnect } : { sid: command.sid };
  return JSON.stringify({ command: command.command, payload });
}

/**
 * Reads a message of another node. undefined: a command that only a newer version knows.
 * @param receivedAtMs Clock.monotonicMs
 * @throws {CableError} `publication.malformed`
 */
export function decodeMessage(text: string, receivedAtMs: number): Publication | RemoteCommand | undefined {
  const value = parseJson(text);
  const { command, payload, epoch, offset } = (typeof value === "object" && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >;
  if (command === "supersede") return { command, sid: sidOf(payload) };
  const [item, ...others] = readBroadcast(value, receivedAtMs);
  if (item === undefined || others.length > 0) throw new CableError("publication.malformed", "Not a message of a node: a batch.");
  if ("command" in item) return item.command === "unknown" ? undefined : item;
  return epoch === undefined && offset === undefined ? item : { ...item, position: positionOf(epoch, offset) };
}

function metaOf({ excludeSid, broadcastType, isTransient, trace }: Publication): object | undefined {
  if (excludeSid === undefined && broadcastType === undefined && !isTransient && trace === undefined) return undefined;
  return {
    exclude_socket: excludeSid,
    broadcast_type: broadcastType,
    transient: isTransient || undefined,
    traceparent: trace?.traceparent,
    tracestate: trace?.tracestate,
  };
}

function sidOf(payload: unknown): string {
  const sid = typeof payload === "object" && payload !== null && "sid" in payload ? payload.sid : undefined;
  if (typeof sid !== "string") throw new CableError("publication.malformed", "Not a message of a node: supersede without a sid.");
  return sid;
}

function positionOf(epoch: unknown, offset: unknown): StreamPosition {
  if (typeof epoch === "string" && epoch !== "" && typeof offset === "number" && Number.isSafeInteger(offset) && offset > 0) {
    return { epoch, offset };
  }
  throw new CableError("publication.malformed", "Not a message of a node: epoch must be a string and offset a whole number above 0.");
}
