import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real HAProxy of this test's own. */
export interface Haproxy {
  stop(): Promise<void>;
}

/** Starts one with a configuration, and waits until `port` (of 127.0.0.1) is taken. Put nothing but what the test is about into it. */
export async function startHaproxy(configuration: string, port: number): Promise<Haproxy> {
  const folder = mkdtempSync(join(tmpdir(), "ropeway-haproxy-"));
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, configuration);
  const { PATH = "" } = process.env;
  // Debian has it where only root looks. -db: in the foreground.
  const child = spawn("haproxy", ["-db", "-f", file], { env: { PATH: `${PATH}:/usr/sbin` }, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "close");
  children.add(child);
  child.once("exit", () => children.delete(child));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const failed = exited.then(() => Promise.reject(new Error(`haproxy ended at once:\n${output}`)));
  await Promise.race([failed, untilTaken(port, child)]);
  // Later it may end.
  failed.catch(() => {});
  return {
    async stop() {
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

// Whatever happens to the tests, no server outlives them.
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

async function untilTaken(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, "127.0.0.1");
    const isTaken = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isTaken) return;
  }
}
