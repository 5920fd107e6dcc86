import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/**
 * Finds programs as a shell does: a name with a slash is a path, from `cwd`; others are looked for in the folders of `path` (the variable PATH).
 * The answer is an absolute path, or undefined when there is no file that we may run.
 */
export function programFinder({
  path = "",
  cwd,
}: {
  readonly path: string | undefined;
  readonly cwd: string;
}): (name: string) => string | undefined {
  return (name) => {
    if (name === "") return undefined;
    const candidates = name.includes("/") ? [name] : path.split(delimiter).flatMap((folder) => (folder === "" ? [] : join(folder, name)));
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
