import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "./bench.ts";
import type { Command } from "./contenders.ts";
import { freePort, type Placement, startServer } from "./servers.ts";

export interface RunningStore {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a store of this run's own, empty, in a directory that goes with it, and waits until it listens. @throws {Error} when it does not. */
export async function startStore(store: Store, placement: Placement): Promise<RunningStore> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "ropeway-bench-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const server = await startServer(store === "redis" ? redis(port, folder) : nats(port, folder), placement, port);
    return {
      port,
      async stop() {
        await server.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Without persistence: what is measured is the server that asks it. */
function redis(port: number, folder: string): Command {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  return { program: "redis-server", args: [...args, "--loglevel", "warning"], env: {} };
}

function nats(port: number, folder: string): Command {
  const file = join(folder, "nats.conf");
  writeFileSync(
    file,
    `host: 127.0.0.1\nport: ${port}\nlog_file: ${JSON.stringify(join(folder, "log"))}\njetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }\n`,
  );
  return { program: "nats-server", args: ["--config", file], env: { GOMAXPROCS: "1" } };
}
