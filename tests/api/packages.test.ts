// Who embeds Ropeway loads the libraries of the parts that it imports, and no others. Accept a change with `npx vitest run tests/api -u`.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { repositoryRoot } from "../support/repository.ts";

const { exports } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
  exports: Record<string, { readonly default: string } | string>;
};

it("each entry loads the npm packages that it needs", async () => {
  const lines = Object.entries(exports).flatMap(([subpath, entry]) => {
    if (typeof entry === "string") return [];
    const packages = [...packagesOf(join(repositoryRoot, entry.default), new Set())].toSorted();
    return [`${join("ropeway", subpath)}: ${packages.join(", ") || "none"}`];
  });
  await expect(`${lines.toSorted().join("\n")}\n`).toMatchFileSnapshot("__snapshots__/packages.txt");
});

/** Those that a built file imports when it is loaded, itself or by what it imports. */
function packagesOf(file: string, seen: Set<string>): Set<string> {
  const found = new Set<string>();
  if (seen.has(file)) return found;
  seen.add(file);
  for (const [, specifier] of readFileSync(file, "utf8").matchAll(/^(?:import|export) (?:[^"';]* from )?"([^"]+)"/gm)) {
    if (specifier!.startsWith(".")) for (const name of packagesOf(join(dirname(file), specifier!), seen)) found.add(name);
    else if (!specifier!.startsWith("node:")) found.add(/^(?:@[^/]+\/)?[^/]+/.exec(specifier!)![0]);
  }
  return found;
}
