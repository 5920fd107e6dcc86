import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";

/** How much may wait for a reader that does not read, in bytes, before lines are dropped. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024;
/** A pipe that is full says so at once; it is asked again after this. */
const FULL_PIPE_MS = 2;
/** How often in vain, at the exit of the process, when there is little time left to wait. */
const MOST_RETRIES_AT_EXIT = 250;

/**
 * Standard output that never holds up the event loop: the lines of a turn are written together at its end, and what a full pipe does not
 * take is offered again later. A reader that is stuck or gone costs lines, not the server, and does not keep the process from ending; the
 * number of lost lines is told when it reads again. Flushed on exit.
 *
 * Our own, because pino's destination writes in a background thread, which a stuck reader blocks, and then the process can't end.
 */
export function standardOutput(fd: number = 1): { write(line: string): unknown } {
  const output = new Output(fd);
  process.on("exit", () => output.flushAtExit());
  return output;
}

class Output {
  readonly #fd: number;
  readonly #pipe: Socket | undefined;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** What a full pipe did not take. */
  #rest: Buffer = Buffer.alloc(0);
  #isScheduled = false;
  #isBroken = false;
  #dropped = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#pipe = nonBlocking(fd);
    this.#pipe?.on("error", () => (this.#isBroken = true));
  }

  write(line: string): void {
    if (this.#isBroken) return;
    if (this.#rest.length + this.#waitingBytes + line.length > MOST_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flush);
  }

  flushAtExit(): void {
    let left = Infinity;
    for (let retries = 0; !this.#writeAll() && !this.#isBroken && retries < MOST_RETRIES_AT_EXIT; retries++) {
      const waiting = this.#rest.length + this.#waitingBytes;
      if (waiting < left) retries = 0;
      left = waiting;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
    this.#tellDropped();
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    if (this.#writeAll()) {
      this.#tellDropped();
    } else if (!this.#isBroken) {
      this.#isScheduled = true;
      setTimeout(this.#flush, FULL_PIPE_MS).unref();
    }
  };

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    process.stderr.write(`ropeway: standard output was not read in time, ${this.#dropped} log lines were dropped\n`);
    this.#dropped = 0;
  }

  /** False when the pipe is full, or broken. */
  #writeAll(): boolean {
    if (this.#rest.length === 0) {
      this.#rest = Buffer.from(this.#waiting.join(""));
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    while (this.#rest.length > 0) {
      try {
        this.#rest = this.#rest.subarray(writeSync(this.#fd, this.#rest));
      } catch (error) {
        // A full disk, a closed pipe: the lines are lost, and there is nowhere to say so.
        if (!isFull(error)) this.#isBroken = true;
        return false;
      }
      if (this.#rest.length === 0 && this.#waiting.length > 0) return this.#writeAll();
    }
    return true;
  }
}

/** Has writes to a pipe return at once. Only libuv's handles can say that to the operating system; nothing is written through it. */
function nonBlocking(fd: number): Socket | undefined {
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isSocket()) return undefined;
  return new Socket({ fd, readable: false, writable: true }).unref();
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAGAIN" || error.code === "EBUSY");
}
