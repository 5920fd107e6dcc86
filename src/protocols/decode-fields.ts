import { CableError } from "../errors.ts";
import { ABSURD_POSITION, type HistoryRequest, type PresenceRequest } from "./messages.ts";

/** Fields of commands that all encodings have in the same shape, once their bytes have become values. */

type Fields = Readonly<Record<string, unknown>>;

/** An id names a user, and every event about the user repeats it. */
const MOST_ID_LENGTH = 4_096;

/**
 * `history`: `{"since":<s>,"streams":{"<stream>":{"epoch":"…","offset":<n>}}}`, both optional. Numbers and epochs that make no sense are
 * no fault of form: they name what nobody has, and the answer says so.
 * @throws {CableError} `protocol.malformed`
 */
export function decodeHistory(value: unknown): HistoryRequest | undefined {
  if (value === undefined || value === null) return undefined;
  const { since, streams } = fieldsOf("history", value);
  const positions = new Map<string, { readonly epoch: string; readonly offset: number }>();
  if (streams !== undefined && streams !== null) {
    for (const [stream, position] of Object.entries(fieldsOf("history.streams", streams))) positions.set(stream, positionOf(position));
  }
  return { since: secondOf(since), streams: positions };
}

/** `presence`: `{"id":"…","info":<any JSON>}`. @throws {CableError} `protocol.malformed` */
export function decodePresence(value: unknown): PresenceRequest | undefined {
  if (value === undefined || value === null) return undefined;
  const { id, info } = fieldsOf("presence", value);
  if (typeof id !== "string" || id === "") throw malformed("`presence.id` must be a string that is not empty");
  if (id.length > MOST_ID_LENGTH) throw malformed(`\`presence.id\` has more than ${MOST_ID_LENGTH} characters`);
  return { id, info: JSON.stringify(info ?? null) };
}

export function malformed(why: string): CableError {
  return new CableError("protocol.malformed", `malformed message: ${why}`);
}

function fieldsOf(name: string, value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`\`${name}\` must be an object`);
  return value as Fields;
}

function positionOf(value: unknown): { readonly epoch: string; readonly offset: number } {
  if (typeof value !== "object" || value === null) return ABSURD_POSITION;
  const { epoch, offset } = value as Fields;
  if (typeof epoch !== "string" || typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0) return ABSURD_POSITION;
  return { epoch, offset };
}

/** Fractions come from clients that divide milliseconds; what is no time at all asks for nothing. */
function secondOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
