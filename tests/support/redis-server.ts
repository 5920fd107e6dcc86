import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { freePort } from "./free-port.ts";

export interface RedisServerOptions {
  readonly port?: number;
  /** Further lines of its configuration, as arguments: `["--requirepass", "secret"]`. */
  readonly config?: readonly string[];
  /** Listens with TLS instead of plain TCP. Paths of PEM files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** A real redis-server of this test's own, on 127.0.0.1, without persistence. */
export interface RedisServer {
  readonly port: number;
  /** Dies at once, as in a crash; a server that is dead already stays so. */
  kill(): Promise<void>;
  /** Starts again on the same port, empty. */
  restart(config?: readonly string[]): Promise<void>;
  /** Stops answering while its connections stay up, and goes on. */
  freeze(): void;
  thaw(): void;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { port = await freePort(), config = [], tls } = options;
  let running = await launch(port, config, tls);
  return {
    port,
    kill: () => kill(running),
    async restart(newConfig = config) {
      await kill(running);
      running = await launch(port, newConfig, tls);
    },
    freeze: () => void running.kill("SIGSTOP"),
    thaw: () => void running.kill("SIGCONT"),
  };
}

// Whatever happens to the tests, no server outlives them.
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

async function launch(port: number, config: readonly string[], tls: RedisServerOptions["tls"]): Promise<ChildProcess> {
  const listen =
    tls === undefined
      ? ["--port", String(port)]
      : [
          "--port",
          "0",
          "--tls-port",
          String(port),
          "--tls-cert-file",
          tls.certFile,
          "--tls-key-file",
          tls.keyFile,
          "--tls-auth-clients",
          "no",
        ];
  const args = [...listen, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tmpdir(), ...config];
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ${args.join(" ")} ended at once:\n${output}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("Ready to accept connections")) resolve();
    });
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
