// ARCHITECTURE.md names what is there, and draws the imports that there are.

import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { filesUnder, repositoryRoot } from "../support/repository.ts";

const page = readFileSync(join(repositoryRoot, "ARCHITECTURE.md"), "utf8");
const sources = filesUnder("src", ".ts");
const folders = [...new Set([...sources.keys()].flatMap((path) => /^src\/([^/]+)\//.exec(path)?.[1] ?? []))];

/** The first cell of each row → the second. */
const rows = new Map([...page.matchAll(/^\| (`.+?|leaf files) \| (.+) \|$/gm)].map(([, first, second]) => [first!, second!]));

describe("ARCHITECTURE.md", () => {
  it.each(folders)("has a row for src/%s", (folder) => {
    const named = [...rows.keys()].flatMap((cell) => [...cell.matchAll(/`([^`]+)\/`/g)].map(([, name]) => name));
    // What is internal is no station of the way.
    if (folder !== "internal") expect(named).toContain(folder);
    else expect(rows.get("leaf files")).toContain("`internal/`");
  });

  it.each([...rows])("names files of this folder that exist: %s", (cell, text) => {
    const names = [...text.matchAll(/`([\w*/-]+\.ts)`/g)].map(([, name]) => name!);
    const places = [...cell.matchAll(/`([^`]+\/)`/g)].map(([, name]) => `src/${name}`);
    const exists = (name: string): boolean => {
      const pattern = new RegExp(`^(?:${[...places, "src/"].join("|")})(?:\\w+/)?${name.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`);
      return [...sources.keys()].some((path) => pattern.test(path));
    };
    expect(names.filter((name) => !exists(name))).toEqual([]);
  });

  const rule = /^## The import rule$.*?^```\n(.*?)^```/ms.exec(page)![1]!;
  const lines = [...rule.matchAll(/^(.+) ─► (.+)$/gm)].map(([, from, to]) => ({ from: wordsOf(from!), to: wordsOf(to!) }));

  it.each(lines.filter(({ from }) => !from.includes("cli")))("draws every import of $from, and no other", ({ from, to }) => {
    const imported = new Set(from.flatMap((name) => importsOf(name)));
    expect([...imported].toSorted()).toEqual(to.filter((name) => folders.includes(name)).toSorted());
  });

  it("draws the imports of all folders", () => {
    const drawn = lines.flatMap(({ from }) => from);
    expect(folders.filter((folder) => folder !== "internal" && !drawn.includes(folder))).toEqual([]);
  });
});

/** The folders that a folder or a file at the top imports from; those that everybody may use are left out. */
function importsOf(name: string): readonly string[] {
  return [...sources].flatMap(([path, text]) => {
    if (path !== `src/${name}.ts` && !path.startsWith(`src/${name}/`)) return [];
    const targets = [...text.matchAll(/ from "(\.[^"]+)"/g)].map(([, target]) => posix.join(posix.dirname(path), target!));
    return targets
      .flatMap((target) => /^src\/([^/]+)\//.exec(target)?.[1] ?? [])
      .filter((folder) => folder !== name && folder !== "internal" && folder !== "metrics");
  });
}

function wordsOf(text: string): readonly string[] {
  return [...text.matchAll(/[a-z]+/g)].map(([word]) => word);
}
