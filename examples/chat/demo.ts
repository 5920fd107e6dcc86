// Joins the demo's parts: the application's gRPC backend, Ropeway as a child process, and the page.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { appearanceChannel } from "./appearance-channel.ts";
import { application } from "./application.ts";
import { startBackend } from "./backend.ts";
import { CableServer } from "./cable-server.ts";
import { chatChannel } from "./chat-channel.ts";
import { startPageServer } from "./page-server.ts";
import { choosePort } from "./ports.ts";
import { httpPublish } from "./publish.ts";

const preferredPorts = { page: 3000, cable: 8080, rpc: 50051, broadcast: 8090 } as const;

export interface DemoOptions {
  /** Take ports of the system's choice instead of 3000, 8080, 50051 and 8090. */
  readonly freePorts: boolean;
  readonly logLevel: string;
  /** A Redis that keeps what clients miss while the cable server is away; undefined: the cable server keeps it itself, until it ends. */
  readonly redisUrl: string | undefined;
  /** The command that starts the cable server, without its options; undefined means the Ropeway of this repository. */
  readonly serverCommand: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: (text: string) => void;
  /** Ends a start that is under way. */
  readonly signal: AbortSignal;
}

export interface Demo {
  readonly pageUrl: string;
  readonly cableUrl: string;
  stop(): Promise<void>;
}

/** Rejects, with nothing left running, when a part can't start. */
export async function startDemo({ freePorts, logLevel, redisUrl, serverCommand, env, log, signal }: DemoOptions): Promise<Demo> {
  const root = projectRoot();
  const ports = await choosePorts(freePorts);
  const report = (error: unknown): void => log(`application: ${error instanceof Error ? error.message : String(error)}\n`);
  const command = [...toCommand(serverCommand, root), ...serverOptions(ports, logLevel, redisUrl)] as const;

  const publish = httpPublish(`http://127.0.0.1:${ports.broadcast}/_broadcast`);
  // While the cable server ends it reports who left; there is nobody to tell then.
  const appearances = appearanceChannel(publish, (error) => void (cableServer.isUp && report(error)));
  const app = application({ ChatChannel: chatChannel(publish), AppearanceChannel: appearances });

  const cableServer = new CableServer({
    command,
    env: withoutServerSettings(env),
    healthUrl: `http://127.0.0.1:${ports.cable}/health`,
    onOutput: log,
    onCrash(how): void {
      appearances.clear();
      log(`The cable server died (${how}). The page's button starts it again.\n`);
    },
  });

  // However this process ends, it leaves none behind.
  process.once("exit", () => cableServer.kill());

  const stops: (() => Promise<void> | void)[] = [];
  async function stop(): Promise<void> {
    for (const stopPart of stops.splice(0).toReversed()) await stopPart();
  }

  try {
    const backend = await startBackend({ app, port: ports.rpc, protoPath: join(root, "proto", "rpc.proto"), onError: report });
    stops.push(() => backend.stop());
    await cableServer.start(signal);
    stops.push(() => cableServer.stop());
    const page = await startPageServer({
      port: ports.page,
      publicDir: join(root, "examples", "chat", "public"),
      values: { cable_port: ports.cable, rpc_port: ports.rpc, broadcast_port: ports.broadcast },
      restart: oneAtATime(() => cableServer.restart()),
    });
    stops.push(() => page.stop());
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pageUrl: `http://localhost:${ports.page}`,
    cableUrl: `ws://localhost:${ports.cable}/cable`,
    stop,
  };
}

type Ports = Readonly<Record<keyof typeof preferredPorts, number>>;

async function choosePorts(freePorts: boolean): Promise<Ports> {
  const [page, cable, rpc, broadcast] = await Promise.all([
    choosePort(freePorts ? 0 : preferredPorts.page),
    choosePort(freePorts ? 0 : preferredPorts.cable),
    choosePort(freePorts ? 0 : preferredPorts.rpc),
    choosePort(freePorts ? 0 : preferredPorts.broadcast),
  ]);
  return { page, cable, rpc, broadcast };
}

function serverOptions(ports: Ports, logLevel: string, redisUrl: string | undefined): string[] {
  return [
    ...(redisUrl === undefined
      ? ["--broker=memory", "--broadcast_adapter=http"]
      : ["--broker=redis", `--redis_url=${redisUrl}`, "--broadcast_adapter=http,redisx"]),
    "--host=127.0.0.1",
    `--port=${ports.cable}`,
    `--rpc_host=127.0.0.1:${ports.rpc}`,
    `--http_broadcast_port=${ports.broadcast}`,
    `--log_level=${logLevel}`,
    "--ignore-config-path",
  ];
}

function toCommand(text: string | undefined, root: string): [string, ...string[]] {
  const [program, ...args] = (text ?? "").split(/\s+/).filter((word) => word !== "");
  if (program !== undefined) return [program, ...args];
  const main = join(root, "dist", "cli", "main.js");
  if (!existsSync(main)) throw new Error("Ropeway isn't built yet: run `npm run build` first");
  return [process.execPath, main];
}

/** Settings of the shell (a secret, another RPC host) would change what the demo shows. */
function withoutServerSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(ANYCABLE|ROPEWAY)_/.test(name)));
}

/** The sources and the compiled files lie at different depths; both are under the package's folder. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("no package.json above the demo's files");
    folder = parent;
  }
  return folder;
}

function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
}
