import { readFileSync } from "node:fs";
import { CableError, messageOf } from "../errors.ts";

/**
 * The text of a file, or undefined when there is none.
 * @throws {CableError} `config.unreadable_file` when it is there and can't be read.
 */
export function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CableError("config.unreadable_file", `${path} can't be read: ${messageOf(error)}`, { cause: error });
  }
}
