import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atPort, killNow, ownFolder, ownProcess } from "./own-process.ts";

/** Paths of PEM files. */
export interface RedisTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients have to show a certificate that it signed. */
  readonly clientCaFile?: string;
}

export interface RedisServerOptions {
  /** 0: none, for a server on a unix socket alone. Default: a free one. */
  readonly port?: number;
  /** Further lines of its configuration, as arguments: `["--requirepass", "secret"]`. */
  readonly config?: readonly string[];
  /** Listens with TLS instead of plain TCP. */
  readonly tls?: RedisTls;
  /** Makes it a sentinel: the text of its file, which says what it is to watch. */
  readonly sentinelFile?: string;
}

/** A real redis-server of this test's own, on 127.0.0.1, without persistence. */
export interface RedisServer {
  readonly port: number;
  /** Its directory: for a unix socket, and for what nodes of a cluster remember. */
  readonly folder: string;
  /** Dies at once, as in a crash; a server that is dead already stays so. */
  kill(): Promise<void>;
  /** Starts again on the same port, empty. */
  restart(change?: Pick<RedisServerOptions, "config" | "tls">): Promise<void>;
  /** Stops answering while its connections stay up, and goes on. */
  freeze(): void;
  thaw(): void;
}

/** The path of a certificate in tests/fixtures/certs. */
export function redisPem(name: string): string {
  return fileURLToPath(new URL(`../fixtures/certs/${name}`, import.meta.url));
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = ownFolder("ropeway-redis-");
  const [port, first] = await atPort(options.port, (at) => launch(options, at, folder));
  let running = first;
  let current = options;
  return {
    port,
    folder,
    kill: () => killNow(running),
    async restart(change = {}) {
      await killNow(running);
      current = { ...current, ...change };
      running = await launch(current, port, folder);
    },
    freeze: () => void running.kill("SIGSTOP"),
    thaw: () => void running.kill("SIGCONT"),
  };
}

async function launch(options: RedisServerOptions, port: number, folder: string): Promise<ChildProcess> {
  const { config = [], sentinelFile } = options;
  const args = [...listenArguments(options, port), "--bind", "127.0.0.1", "--dir", folder];
  if (sentinelFile === undefined) args.push("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0");
  else {
    writeFileSync(join(folder, "sentinel.conf"), sentinelFile);
    args.unshift(join(folder, "sentinel.conf"), "--sentinel");
  }
  const child = spawn("redis-server", [...args, ...config], { stdio: ["ignore", "pipe", "inherit"] });
  ownProcess(child);
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ${args.join(" ")} ended at once:\n${output}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (/Ready to accept connections|ready to accept connections at|# \+monitor|Sentinel ID is/.test(output)) resolve();
    });
  });
  return child;
}

function listenArguments({ tls }: RedisServerOptions, port: number): readonly string[] {
  if (tls === undefined) return ["--port", String(port)];
  const { certFile, keyFile, clientCaFile } = tls;
  const listen = ["--port", "0", "--tls-port", String(port), "--tls-cert-file", certFile, "--tls-key-file", keyFile];
  const clients = clientCaFile === undefined ? ["no"] : ["yes", "--tls-ca-cert-file", clientCaFile];
  return [...listen, "--tls-auth-clients", ...clients];
}
