import type { Payload } from "../protocols/protocol.ts";
import type { Frame, Framing } from "./transport.ts";

const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const FIN_PING = 0x89;
/** Of a message that went through permessage-deflate (RFC 7692 §6). */
const COMPRESSED = 0x40;

/** Server-to-client WebSocket frames: one unfragmented, unmasked frame per message (RFC 6455 §5.2). */
export const websocketFraming: Framing = {
  frame: plainFrame,
  // RFC 6455 §5.5.2, without application data.
  ping: { bytes: Buffer.from([FIN_PING, 0]), payloadBytes: 0, isPing: true },
};

function plainFrame(payload: Payload): Frame {
  const isText = typeof payload === "string";
  const payloadBytes = isText ? Buffer.byteLength(payload) : payload.byteLength;
  const { bytes, headerBytes } = emptyFrame(isText ? FIN_TEXT : FIN_BINARY, payloadBytes);
  if (isText) bytes.write(payload, headerBytes, "utf8");
  else bytes.set(payload, headerBytes);
  return { bytes, payloadBytes };
}

/** A frame around what `payload` was compressed to. */
export function compressedFrame(payload: Payload, payloadBytes: number, compressed: Uint8Array): Frame {
  const { bytes, headerBytes } = emptyFrame((typeof payload === "string" ? FIN_TEXT : FIN_BINARY) | COMPRESSED, compressed.byteLength);
  bytes.set(compressed, headerBytes);
  return { bytes, payloadBytes };
}

/** The header, and room for what follows it. */
function emptyFrame(firstByte: number, length: number): { readonly bytes: Buffer; readonly headerBytes: number } {
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(headerBytes + length);
  bytes[0] = firstByte;
  if (headerBytes === 2) {
    bytes[1] = length;
  } else if (headerBytes === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  return { bytes, headerBytes };
}
