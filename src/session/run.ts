import type { Frame } from "../transports/transport.ts";

/** Frames below this size are joined into one buffer; larger ones go out as they are, since copying them costs more than it saves. */
const JOIN_BELOW_BYTES = 16 * 1024;

/**
 * A sequence of frames waiting to be written. Runs are immutable and shared: appending the same frame to the same run gives the same
 * object, so sessions that are about to hear the same things hold one run, and its bytes are joined once for all of them. Two runs that
 * differ in a frame are different objects from that frame on and can never be mixed up.
 */
export class Run {
  /** How many frames. */
  readonly length: number;
  /** How many of them count as messages. */
  readonly messages: number;
  /** Bytes to write. */
  readonly bytes: number;
  /** Bytes of messages, framing not included. */
  readonly payloadBytes: number;
  readonly #frame: Frame | undefined;
  readonly #previous: Run | undefined;
  // Nearly always all sessions of a run go on with the same frame, so the latest follower is tried before the map.
  #latest: Run | undefined;
  #followers: Map<Frame, Run> | undefined;
  #chunks: readonly Buffer[] | undefined;

  private constructor(previous: Run | undefined, frame: Frame | undefined) {
    this.#previous = previous;
    this.#frame = frame;
    this.length = previous ? previous.length + 1 : 0;
    this.messages = previous && frame ? previous.messages + (frame.isPing ? 0 : 1) : 0;
    this.bytes = previous && frame ? previous.bytes + frame.bytes.length : 0;
    this.payloadBytes = previous && frame ? previous.payloadBytes + frame.payloadBytes : 0;
  }

  /** The run of no frames. Every turn begins with a fresh one, so that nothing of an earlier turn is kept alive. */
  static empty(): Run {
    return new Run(undefined, undefined);
  }

  /** This run, and then `frame`. */
  next(frame: Frame): Run {
    const latest = this.#latest;
    if (latest !== undefined) {
      if (latest.#frame === frame) return latest;
      this.#followers ??= new Map([[latest.#frame!, latest]]);
      const follower = this.#followers.get(frame);
      if (follower !== undefined) return (this.#latest = follower);
    }
    const run = new Run(this, frame);
    this.#followers?.set(frame, run);
    return (this.#latest = run);
  }

  /** The frames' bytes in order, in few pieces. Made on first call. */
  chunks(): readonly Buffer[] {
    return (this.#chunks ??= this.#join());
  }

  #join(): readonly Buffer[] {
    if (this.length === 1) return [this.#frame!.bytes];
    const frames: Buffer[] = Array.from({ length: this.length });
    let run: Run = this;
    for (let at = this.length - 1; at >= 0; at--) {
      frames[at] = run.#frame!.bytes;
      run = run.#previous!;
    }
    const chunks: Buffer[] = [];
    let small: Buffer[] = [];
    const joinSmall = (): void => {
      if (small.length > 0) chunks.push(small.length === 1 ? small[0]! : Buffer.concat(small));
      small = [];
    };
    for (const bytes of frames) {
      if (bytes.length < JOIN_BELOW_BYTES) {
        small.push(bytes);
      } else {
        joinSmall();
        chunks.push(bytes);
      }
    }
    joinSmall();
    return chunks;
  }
}
