import type { WebSocket } from "ws";
import { constants, inflateRawSync } from "node:zlib";

/** What `ws` asks to undo permessage-deflate. */
interface Extension {
  decompress(data: Buffer, isLast: boolean, done: Done): void;
  /** Ours: a message that came in several frames is being put together. */
  [kInPieces]?: boolean;
}

type Done = (error: Error | null, message?: Buffer) => void;

const kInPieces = Symbol("in pieces");
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/**
 * Makes `ws` inflate messages at once. By itself it keeps a zlib stream for every connection that has ever sent a compressed message
 * (13 to 20 KB) and sends each message through the thread pool (over 100 µs); without context takeover neither is needed, and a command
 * takes 3 µs. Whatever is not in order, and messages in several frames, are left to `ws`, which knows what to answer. So is everything,
 * should a later `ws` keep its extensions elsewhere.
 */
export function inflateAtOnce(maxMessageBytes: number): (client: WebSocket) => void {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: maxMessageBytes, chunkSize: 4096 };

  function decompress(this: Extension, data: Buffer, isLast: boolean, done: Done): void {
    const message = isLast && this[kInPieces] !== true ? inflated(data) : undefined;
    if (message === undefined) {
      this[kInPieces] = !isLast;
      (Object.getPrototypeOf(this) as Extension).decompress.call(this, data, isLast, done);
      return;
    }
    // `ws` counts on the answer coming later, and others get their turn between two messages of a flood.
    setImmediate(done, null, message);
  }

  function inflated(data: Buffer): Buffer | undefined {
    try {
      return inflateRawSync(Buffer.concat([data, TAIL]), options);
    } catch {
      return undefined;
    }
  }

  return (client) => {
    const { _extensions } = client as unknown as { readonly _extensions?: Readonly<Record<string, Extension>> };
    const extension = _extensions?.["permessage-deflate"];
    if (extension !== undefined) extension.decompress = decompress;
  };
}
