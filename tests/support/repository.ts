import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the repository is, with a slash behind. */
export const repositoryRoot: string = fileURLToPath(new URL("../../", import.meta.url));

const notOurs = new Set(["node_modules", "dist", "build", ".git"]);

/** The text of every file under a folder whose name ends so, generated code and installed packages left out: path from the root → text. */
export function filesUnder(folder: string, ending: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(repositoryRoot, path), { withFileTypes: true })) {
      const child = path === "." ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!notOurs.has(entry.name) && entry.name !== "generated") visit(child);
      } else if (entry.name.endsWith(ending)) {
        found.set(child, readFileSync(join(repositoryRoot, child), "utf8"));
      }
    }
  };
  visit(folder);
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
