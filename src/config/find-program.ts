import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** Where packages put servers, and the PATH of many users does not lead: Debian's nats-server is in /usr/sbin. */
const packageFolders = ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin"];

/**
 * Finds programs as a shell does: a name with a slash is a path, from `cwd`; others are looked for in the folders of `path` (the variable PATH),
 * and then in those of `fallbacks`. The answer is an absolute path, or undefined when there is no file that we may run.
 */
export function programFinder({
  path = "",
  cwd,
  fallbacks = packageFolders,
}: {
  readonly path: string | undefined;
  readonly cwd: string;
  readonly fallbacks?: readonly string[];
}): (name: string) => string | undefined {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ""), ...fallbacks];
  return (name) => {
    if (name === "") return undefined;
    const candidates = name.includes("/") ? [name] : folders.map((folder) => join(folder, name));
    return candidates.map((candidate) => resolve(cwd, candidate)).find(isProgram);
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
