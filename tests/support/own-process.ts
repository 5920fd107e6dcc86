import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { freePort } from "./free-port.ts";

// Whatever happens to the tests of a file, no server outlives them, and no folder.
const children = new Set<ChildProcess>();
const folders = new Set<string>();
function clear(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
afterAll(clear);
process.once("exit", clear);

/** A directory of this test's own, which is removed after it. */
export function ownFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

/** Ends with this test at the latest. */
export function ownProcess(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/**
 * Launches a server at the port, or at a free one: somebody else may take that between our asking for it and the server's listening, which
 * `launch` then has to reject with, in the words "already in use".
 */
export async function atPort<Launched>(port: number | undefined, launch: (port: number) => Promise<Launched>): Promise<[number, Launched]> {
  for (let tries = 1; ; tries++) {
    const candidate = port ?? (await freePort());
    try {
      return [candidate, await launch(candidate)];
    } catch (error) {
      if (port !== undefined || tries === 5 || !/already in use/.test(String(error))) throw error;
    }
  }
}

/** Ends it at once, as in a crash. */
export async function killNow(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
