import type { ServerMessage } from "../protocols/messages.ts";
import type { Encoding } from "../session/encoding.ts";
import type { Frame } from "../transports/transport.ts";

/** Encodes and frames a message at most once per Encoding, however many sessions hear it. */
export function encodeOnce(message: ServerMessage): (encoding: Encoding) => Frame {
  // Nearly all sessions of a group speak the same: the map is only made when a second Encoding turns up.
  let latest: Encoding | undefined;
  let latestFrame: Frame | undefined;
  let frames: Map<Encoding, Frame> | undefined;
  return (encoding) => {
    if (encoding === latest) return latestFrame!;
    if (latest !== undefined) frames ??= new Map([[latest, latestFrame!]]);
    let frame = frames?.get(encoding);
    if (frame === undefined) {
      frame = encoding.frame(message);
      frames?.set(encoding, frame);
    }
    latest = encoding;
    latestFrame = frame;
    return frame;
  };
}
