/**
 * A server that does to one subscriber, once, what none may do. Arguments: the port, and the fault: `lose` or `double` a message, `swap` two,
 * `stray` one to a client of another stream, or be `mute` from then on. With `none` it behaves.
 */
import { serveBare, type Stream } from "./bare-server.ts";

const FAULTY_PUBLICATION = 500;
const fault = process.argv[3];
let count = 0;
let earlier: Stream | undefined;
/** A frame that its victim gets after the next one of its stream. */
let kept: { readonly stream: Stream; readonly frame: Buffer } | undefined;

serveBare((stream, frame) => {
  count += 1;
  const [victim, ...others] = stream.sockets;
  for (const socket of others) socket.write(frame);
  victim?.write(forVictim(stream, frame));
  if (count === FAULTY_PUBLICATION && fault === "stray") earlier?.sockets[0]?.write(frame);
  if (earlier !== stream) earlier = stream;
});

function forVictim(stream: Stream, frame: Buffer): Buffer {
  if (kept?.stream === stream) {
    const both = Buffer.concat([frame, kept.frame]);
    kept = undefined;
    return both;
  }
  if (fault === "mute" && count >= FAULTY_PUBLICATION) return Buffer.alloc(0);
  if (count !== FAULTY_PUBLICATION) return frame;
  switch (fault) {
    case "lose":
      return Buffer.alloc(0);
    case "double":
      return Buffer.concat([frame, frame]);
    case "swap":
      kept = { stream, frame };
      return Buffer.alloc(0);
    default:
      return frame;
  }
}
