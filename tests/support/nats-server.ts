import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { atPort, killNow, ownFolder, ownProcess } from "./own-process.ts";

export interface NatsServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Has to differ within a cluster. Default: `test-` and its port. */
  readonly serverName?: string;
  /** With JetStream, stored in its folder. Default: false. */
  readonly jetstream?: boolean;
  /** Clients have to show it. Default: anybody may connect. */
  readonly auth?: { readonly user: string; readonly password: string } | { readonly token: string };
  /** Listens for other servers of this cluster at `port`, and looks for them at `peers`, which may start later. */
  readonly cluster?: { readonly name: string; readonly port: number; readonly peers: readonly number[] };
  /** Further text of its configuration file: `max_payload: 64KB`. */
  readonly config?: string;
}

/** A real nats-server of this test's own, on 127.0.0.1. */
export interface NatsServer {
  readonly port: number;
  /** `nats://127.0.0.1:<port>`, without what `auth` asks for. */
  readonly url: string;
  /** Its directory: the configuration, and JetStream's store in `jetstream/`. */
  readonly folder: string;
  /** Dies at once, as in a crash; a server that is dead already stays so. */
  kill(): Promise<void>;
  /** Starts again (killed first, if it runs) on the same port, with what it had stored; with `empty`, without. */
  restart(change?: Pick<NatsServerOptions, "auth" | "config"> & { readonly empty?: boolean }): Promise<void>;
  /** Stops answering while its connections stay up, and goes on. */
  freeze(): void;
  thaw(): void;
}

/**
 * Resolves when it takes connections. JetStream of a single server is ready then; in a cluster that takes until most servers named in
 * the routes have met and elected a leader.
 */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = ownFolder("ropeway-nats-");
  const [port, first] = await atPort(options.port, (at) => launch(options, at, folder));
  let running = first;
  let current = options;
  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    folder,
    kill: () => killNow(running),
    async restart({ empty = false, ...change } = {}) {
      await killNow(running);
      if (empty) rmSync(storeOf(folder), { recursive: true, force: true });
      current = { ...current, ...change };
      running = await launch(current, port, folder);
    },
    freeze: () => freeze(running),
    thaw: () => void running.kill("SIGCONT"),
  };
}

/** Servers that know each other, all with the same options. They find each other, and JetStream's leader, in the background. */
export async function startNatsCluster(
  count: number,
  options: Omit<NatsServerOptions, "port" | "serverName" | "cluster"> = {},
): Promise<readonly NatsServer[]> {
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()));
  return Promise.all(
    ports.map((port) => startNats({ ...options, cluster: { name: "test", port, peers: ports.filter((peer) => peer !== port) } })),
  );
}

async function launch(options: NatsServerOptions, port: number, folder: string): Promise<ChildProcess> {
  const file = join(folder, "nats.conf");
  writeFileSync(file, configuration(options, port, folder));
  const child = spawn("nats-server", ["--config", file], { stdio: ["ignore", "ignore", "pipe"] });
  ownProcess(child);
  let output = "";
  let isReady = false;
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      // By itself: whoever waits for it in vain should know why.
      if (isReady && code !== null) console.error(`nats-server ended with ${code}:\n${output}`);
      reject(new Error(`nats-server ended at once:\n${output}`));
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (output.length < 65_536) output += text;
      isReady ||= output.includes("Server is ready");
      if (isReady) resolve();
    });
  });
  return child;
}

function configuration(
  { serverName, jetstream = false, auth, cluster, config = "" }: NatsServerOptions,
  port: number,
  folder: string,
): string {
  const lines = [`server_name: ${JSON.stringify(serverName ?? `test-${port}`)}`, "host: 127.0.0.1", `port: ${port}`];
  if (jetstream) lines.push(`jetstream { store_dir: ${JSON.stringify(storeOf(folder))} }`);
  if (auth !== undefined) lines.push(`authorization ${JSON.stringify(auth)}`);
  if (cluster !== undefined) {
    const routes = cluster.peers.map((peer) => `nats-route://127.0.0.1:${peer}`);
    lines.push(`cluster ${JSON.stringify({ name: cluster.name, host: "127.0.0.1", port: cluster.port, routes })}`);
  }
  return [...lines, config, ""].join("\n");
}

/** Its threads stop one after the other, a little after they were told to. */
function freeze(child: ChildProcess): void {
  child.kill("SIGSTOP");
  let state: string;
  do state = execFileSync("ps", ["-o", "state=", "-p", String(child.pid)], { encoding: "utf8" }).trim();
  while (!state.startsWith("T"));
}

function storeOf(folder: string): string {
  return join(folder, "jetstream");
}
