// The public names, entry by entry. A change here is a change for everybody who embeds Ropeway: `npx vitest run tests/api -u` accepts it.

import { execFileSync, type ExecFileSyncOptionsWithStringEncoding } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../support/repository.ts";

interface Entry {
  readonly types: string;
  readonly default: string;
}

const { exports, bin } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
  exports: Record<string, Entry | string>;
  bin: Record<string, string>;
};
const entries = Object.entries(exports).filter((pair): pair is [string, Entry] => typeof pair[1] !== "string");

describe.each(entries)("%s", (subpath, entry) => {
  it("exports these values", async () => {
    // As an embedder gets them: by the package's name, from what was built.
    const module = (await import(join("ropeway", subpath))) as Record<string, unknown>;
    const names = Object.entries(module).map(([name, value]) => `${kindOf(value)} ${name}`);
    await expect(`${names.toSorted().join("\n")}\n`).toMatchFileSnapshot(snapshotOf(subpath, "values"));
  });

  it("exports these types", async () => {
    const declarations = readFileSync(join(repositoryRoot, entry.types), "utf8");
    const declared = [...declarations.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name!);
    const listed = [...declarations.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([statement, list]) =>
      list!
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "" && (statement.startsWith("export type") || name.startsWith("type ")))
        .map((name) => name.replace("type ", "")),
    );
    await expect(`${[...declared, ...listed].toSorted().join("\n")}\n`).toMatchFileSnapshot(snapshotOf(subpath, "types"));
  });

  it("says which names it exports, instead of all of some file", () => {
    expect(readFileSync(join(repositoryRoot, entry.default), "utf8")).not.toMatch(/export \*/);
  });
});

describe("the package", () => {
  it("has every file that it names", () => {
    const files = [...entries.flatMap(([, entry]) => [entry.types, entry.default]), ...Object.values(bin)];
    expect(files.filter((file) => !existsSync(join(repositoryRoot, file)))).toEqual([]);
  });

  it("packs what it needs, and nothing of the workshop", () => {
    const npm = process.env["npm_execpath"];
    const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const options: ExecFileSyncOptionsWithStringEncoding = { cwd: repositoryRoot, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    const printed = npm === undefined ? execFileSync("npm", args, options) : execFileSync(process.execPath, [npm, ...args], options);
    const [packed] = JSON.parse(printed) as [{ files: { path: string }[] }];
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["package.json", "dist/index.js", "dist/index.d.ts", "dist/cli/main.js", "proto/rpc.proto"]),
    );
    expect(paths.filter((path) => /^(src|tests|bench|build|examples|scripts|\.)/.test(path))).toEqual([]);
  });
});

function snapshotOf(subpath: string, kind: string): string {
  const name = subpath === "." ? "index" : subpath.slice(2).replaceAll("/", "-");
  return `__snapshots__/${name}.${kind}.txt`;
}

function kindOf(value: unknown): string {
  if (typeof value !== "function") return "const";
  return /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
}
