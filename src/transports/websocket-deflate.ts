import { constants, deflateRawSync } from "node:zlib";
import type { Payload } from "../protocols/protocol.ts";
import type { Frame, Framing } from "./transport.ts";
import { compressedFrame, websocketFraming } from "./websocket-framing.ts";

// permessage-deflate (RFC 7692), always without context takeover: every message stands alone, so one that was compressed once serves
// all who hear it, and nothing is kept for a connection between its messages.

/** Smaller messages go out as they are: at this size a fifth is saved, below it soon nothing, and the confirmations of one client are smaller. */
const COMPRESS_FROM_BYTES = 256;
/** From here on the last percents are not worth what they hold up everybody else: 7 ms a megabyte against 1.5. */
const COMPRESS_FAST_FROM_BYTES = 64 * 1024;
/** What the flush at the end of a message leaves behind, and its receiver adds again (RFC 7692 §7.2.1). */
const TAIL_BYTES = 4;

/** WebSocket frames for connections that agreed on compression. */
export const deflateFraming: Framing = { ...websocketFraming, frame };

function frame(payload: Payload): Frame {
  const plain = websocketFraming.frame(payload);
  const { bytes, payloadBytes } = plain;
  if (payloadBytes < COMPRESS_FROM_BYTES) return plain;
  const compressed = deflateRawSync(bytes.subarray(-payloadBytes), {
    level: payloadBytes < COMPRESS_FAST_FROM_BYTES ? constants.Z_DEFAULT_COMPRESSION : constants.Z_BEST_SPEED,
    finishFlush: constants.Z_SYNC_FLUSH,
  }).subarray(0, -TAIL_BYTES);
  return compressed.length < payloadBytes ? compressedFrame(payload, payloadBytes, compressed) : plain;
}

/**
 * Whether a `Sec-WebSocket-Extensions` header has an offer that we can take. One that insists on a smaller window of ours can't be: the
 * same bytes go to everybody. What is malformed is no offer; nobody is turned away over compression.
 */
export function offersDeflate(header: string | undefined): boolean {
  return header?.split(",").some(isAgreeable) ?? false;
}

function isAgreeable(offer: string): boolean {
  const [name, ...parameters] = offer.split(";").map((part) => part.trim());
  if (name !== "permessage-deflate") return false;
  const names = parameters.map((parameter) => parameter.split("=", 1)[0]!.trim());
  return new Set(names).size === names.length && parameters.every((parameter) => AGREEABLE.test(parameter));
}

const AGREEABLE =
  /^(?:server_no_context_takeover|client_no_context_takeover|server_max_window_bits *= *(?:15|"15")|client_max_window_bits(?: *= *(?:[89]|1[0-5]|"(?:[89]|1[0-5])"))?)$/;
