import type { Payload } from "../protocols/protocol.ts";
import type { Frame, Framing } from "./transport.ts";

const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;

/** Server-to-client WebSocket frames: one unfragmented, unmasked frame per message (RFC 6455 §5.2). */
export const websocketFraming: Framing = { frame };

function frame(payload: Payload): Frame {
  const payloadBytes = typeof payload === "string" ? Buffer.byteLength(payload) : payload.byteLength;
  const headerBytes = payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(headerBytes + payloadBytes);
  bytes[0] = typeof payload === "string" ? FIN_TEXT : FIN_BINARY;
  if (headerBytes === 2) {
    bytes[1] = payloadBytes;
  } else if (headerBytes === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(payloadBytes, 2);
  } else {
    bytes[1] = 127;
    bytes.writeBigUInt64BE(BigInt(payloadBytes), 2);
  }
  if (typeof payload === "string") bytes.write(payload, headerBytes, "utf8");
  else bytes.set(payload, headerBytes);
  return { bytes, payloadBytes };
}
