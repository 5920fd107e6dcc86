import { fileURLToPath } from "node:url";
import { freePort, startServer, type Placement, type RunningServer } from "../servers.ts";

const MAIN = fileURLToPath(new URL("main.js", import.meta.url));

export interface RunningBackend {
  readonly server: RunningServer;
  readonly port: number;
}

/** Starts the application that answers RPC calls, and waits until it listens. */
export async function startBackend(placement: Placement): Promise<RunningBackend> {
  const port = await freePort();
  const command = { program: process.execPath, args: [MAIN, String(port)], env: {} };
  return { server: await startServer(command, placement, port), port };
}
