import { fileURLToPath } from "node:url";
import { freePort, startServer, type Placement, type RunningServer } from "../servers.ts";

const MAIN = fileURLToPath(new URL("main.js", import.meta.url));

export interface RunningBackend {
  readonly server: RunningServer;
  /** Of gRPC. */
  readonly port: number;
  readonly httpPort: number;
}

/** Starts the application that answers RPC calls, and waits until it listens. */
export async function startBackend(placement: Placement): Promise<RunningBackend> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const command = { program: process.execPath, args: [MAIN, String(port), String(httpPort)], env: {} };
  return { server: await startServer(command, placement, port), port, httpPort };
}
