import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { repositoryRoot } from "./repository.ts";

const built = `${repositoryRoot}dist/cli/main.js`;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command until it ends, in a folder without configuration files unless one is given. */
export async function runRopeway(
  flags: readonly string[],
  {
    env = {},
    cwd = tmpdir(),
    command = built,
  }: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string; readonly command?: string } = {},
): Promise<Finished> {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [command, ...flags], {
    cwd,
    env: { PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: code as number | null, stdout, stderr };
}

/** Hands out an empty folder, gone when `use` is done. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "ropeway-test-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
