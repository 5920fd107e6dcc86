/** All publications that came in one turn of the event loop leave in one write per subscriber. Argument: the port. */
import { serveBare, type Stream } from "./bare-server.ts";

const runs = new Map<Stream, Buffer[]>();

serveBare((stream, frame) => {
  const run = runs.get(stream);
  if (run !== undefined) {
    run.push(frame);
    return;
  }
  runs.set(stream, [frame]);
  if (runs.size === 1) setImmediate(flush);
});

function flush(): void {
  for (const [stream, run] of runs) {
    const bytes = Buffer.concat(run);
    for (const socket of stream.sockets) socket.write(bytes);
  }
  runs.clear();
}
