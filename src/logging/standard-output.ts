import { pino } from "pino";

/** How much may wait for a reader that does not read, in bytes, before lines are dropped. */
const maxWaitingBytes = 16 * 1024 * 1024;

/**
 * Standard output that never blocks the event loop: a write runs in the background, what comes meanwhile leaves with the next one. A
 * reader that is stuck or gone costs lines, not the server; the number of lost lines is told when it reads again. Flushed on exit.
 */
export function standardOutput(fd: number = 1): { write(line: string): unknown } {
  let dropped = 0;
  const stream = pino.destination({ dest: fd, sync: false, maxLength: maxWaitingBytes });
  stream.on("drop", () => dropped++);
  stream.on("drain", () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    process.stderr.write(`ropeway: standard output was not read in time, ${count} log lines were dropped\n`);
  });
  // A full disk, a closed pipe: the lines are lost, and there is nowhere to say so.
  stream.on("error", () => {});
  return stream;
}
