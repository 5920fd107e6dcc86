import { fileURLToPath } from "node:url";
import { freePort, startServer, type Placement, type RunningServer } from "../servers.ts";

const MAIN = fileURLToPath(new URL("main.js", import.meta.url));

/** Starts what takes traces and metrics, and waits until it listens. */
export async function startSink(placement: Placement): Promise<{ readonly server: RunningServer; readonly port: number }> {
  const port = await freePort();
  const command = { program: process.execPath, args: [MAIN, String(port)], env: {} };
  return { server: await startServer(command, placement, port), port };
}
