import { fileURLToPath } from "node:url";
import { freePort, generateLoad, startServer } from "./servers.ts";

const FAULTY = fileURLToPath(new URL("baselines/faulty.js", import.meta.url));
const PLACEMENT = { core: undefined, nice: 0 };

/** What the load generator says to a server with this fault; undefined when it finds nothing. */
async function failureWith(fault: string): Promise<string | undefined> {
  const port = await freePort();
  const server = await startServer({ program: process.execPath, args: [FAULTY, String(port), fault], env: {} }, PLACEMENT, port);
  try {
    const result = await generateLoad(
      {
        kind: "fan-out",
        port,
        serverPid: server.pid,
        clients: 20,
        streams: 4,
        subscribers: 5,
        publishing: { mode: "closed", inFlight: 8 },
        warmUpMs: 500,
        measureMs: 500,
        deadlineMs: 20_000,
      },
      PLACEMENT,
    );
    return "failure" in result ? result.failure : undefined;
  } finally {
    await server.stop();
  }
}

/**
 * Is the load generator awake? Runs it against a server that loses, doubles, swaps or strays one message of hundreds, or falls silent, and
 * against one that does none of it. Returns how many faults were not noticed, or found where there are none; writes what was
 * found.
 */
export async function selfCheck(): Promise<number> {
  let mistakes = 0;
  for (const fault of ["lose", "double", "swap", "stray", "mute"]) {
    const failure = await failureWith(fault);
    process.stdout.write(`${fault}: ${failure ?? "NOT NOTICED"}\n`);
    if (failure === undefined) mistakes += 1;
  }
  const failure = await failureWith("none");
  process.stdout.write(`none: ${failure === undefined ? "nothing found" : `FALSE ALARM: ${failure}`}\n`);
  return failure === undefined ? mistakes : mistakes + 1;
}
