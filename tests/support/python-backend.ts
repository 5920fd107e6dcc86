import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { repositoryRoot } from "./repository.ts";

/** An application in Python that speaks our contract with the gRPC of its distribution, on 127.0.0.1. */
export interface PythonBackend {
  /** For `rpc_host`. */
  readonly address: string;
  /** The calls that it has answered, in order. */
  readonly calls: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

// Whatever happens to the tests, nothing outlives them.
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** @throws {Error} when no Python with gRPC is here. */
export async function startPythonBackend(): Promise<PythonBackend> {
  const python = pythonWithGrpc();
  const folder = mkdtempSync(join(tmpdir(), "ropeway-python-"));
  const proto = join(repositoryRoot, "proto");
  const generate = ["-m", "grpc_tools.protoc", `-I${proto}`, `--python_out=${folder}`, `--grpc_python_out=${folder}`, "rpc.proto"];
  execFileSync(python, generate, { stdio: "pipe" });
  const server = join(repositoryRoot, "tests/fixtures/python-backend/server.py");
  const child = spawn(python, ["-u", server, folder], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  children.add(child);
  const exited = once(child, "exit");
  const calls: Readonly<Record<string, unknown>>[] = [];
  const port = await new Promise<string>((resolve, reject) => {
    void exited.then(([code]) => reject(new Error(`the Python backend ended with ${String(code)}`)));
    createInterface(child.stdout).on("line", (line) => {
      if (line.startsWith("{")) calls.push(JSON.parse(line) as Readonly<Record<string, unknown>>);
      else resolve(line);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    calls,
    async stop() {
      child.stdin.end();
      await exited;
      children.delete(child);
      rmSync(folder, { recursive: true });
    },
  };
}

/** The distribution's own comes first: another one on the PATH has not its packages. */
function pythonWithGrpc(): string {
  for (const python of ["/usr/bin/python3", "python3"]) {
    try {
      execFileSync(python, ["-c", "import grpc, grpc_tools"], { stdio: "pipe" });
      return python;
    } catch {
      // The next, then.
    }
  }
  throw new Error("No Python with gRPC is here: apt-get install python3-grpcio python3-grpc-tools, or pip install grpcio grpcio-tools");
}
