// What the pages point to is there, and what they say to configure can be configured.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { variablesOf } from "../../src/config/option.ts";
import { options } from "../../src/config/schema.ts";
import { check, load, type Sources } from "../fixtures/config/load.ts";
import { filesUnder, repositoryRoot } from "../support/repository.ts";

const pages = filesUnder(".", ".md");
const { scripts, exports } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
  exports: Record<string, unknown>;
};

describe.each([...pages])("%s", (path, text) => {
  const prose = text.replaceAll(/^```.*?^```/gms, "");

  it("links only to what exists", () => {
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => !/^[a-z]+:/i.test(target));
    const broken = targets.filter((target) => !leadsSomewhere(path, target));
    expect(broken).toEqual([]);
  });

  it("names only npm scripts that exist", () => {
    const named = [...text.matchAll(/(?:^ *\$? *|`|&& )npm (?:run )?([a-z][\w:-]*)/gm)].map(([, name]) => name!);
    const notScripts = new Set(["install", "ci", "pack", "run", "start", "i", "exec", "link", "publish", "run-script", "view"]);
    expect(named.filter((name) => !notScripts.has(name) && !(name in scripts))).toEqual([]);
  });

  it("imports only entries of the package that exist", () => {
    const entries = [...text.matchAll(/from "ropeway(\/[^"]*)?"/g)].map(([, subpath]) => `.${subpath ?? ""}`);
    expect(entries.filter((entry) => !(entry in exports))).toEqual([]);
  });
});

describe("docs/guides/embedding.md", () => {
  const entries = Object.keys(exports).filter((entry) => entry !== "." && entry !== "./package.json");
  it.each(entries)("has a row for %s", (entry) => {
    const rows = pages
      .get("docs/guides/embedding.md")!
      .split("\n")
      .filter((line) => line.startsWith("| "));
    expect(rows.filter((row) => row.includes(`\`ropeway${entry.slice(1)}\``))).toHaveLength(1);
  });
});

describe("README.md", () => {
  it("shows commands that exist", () => {
    const readme = pages.get("README.md") ?? "";
    const fences = [...readme.matchAll(/^```(?:sh|bash|shell|console)\n(.*?)^```/gms)].map(([, body]) => body!);
    expect(fences.length).toBeGreaterThan(0);
    const files = fences.flatMap((body) => [...body.matchAll(/\bnode ((?:scripts|examples|bench)\/\S+)/g)].map(([, file]) => file!));
    expect(files.filter((file) => !existsSync(join(repositoryRoot, file)))).toEqual([]);
    expect(fences.join("\n")).toMatch(/npm run demo/);
  });
});

const configurations = [...pages]
  .filter(([path]) => path.startsWith("docs/guides/"))
  .flatMap(([path, text]) => configurationsIn(path, text));

describe("a configuration in the guides", () => {
  it("is found where there is one", () => {
    const kinds = new Set(configurations.map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual(["env", "sh", "toml"]);
  });

  it.each(configurations)("is valid, and nothing in it is old, in vain or loses anything: $where", ({ sources }) => {
    expect(load(sources).command).toBe("serve");
    const { problems, deprecated, idle, warnings } = check(sources);
    expect({ problems, deprecated, idle, warnings }).toEqual({ problems: [], deprecated: [], idle: [], warnings: [] });
    const known = new Set(options.flatMap(variablesOf));
    expect(Object.keys(sources.env ?? {}).filter((name) => !known.has(name))).toEqual([]);
  });
});

interface Configuration {
  readonly where: string;
  readonly kind: string;
  readonly sources: Sources;
}

/** Blocks of `toml` and `env`, and in those of a shell each command that starts Ropeway. */
function configurationsIn(page: string, text: string): readonly Configuration[] {
  return [...text.matchAll(/^```(toml|env|sh|bash|shell|console)\n(.*?)^```/gms)].flatMap(
    ({ 1: kind = "", 2: body = "", index }): readonly Configuration[] => {
      const where = `${page}:${text.slice(0, index).split("\n").length}`;
      if (kind === "toml") return [{ where, kind, sources: { files: { "/app/ropeway.toml": body } } }];
      if (kind === "env") return [{ where, kind, sources: { env: variablesIn(body.split("\n")), files: certificatesIn(body) } }];
      return body
        .replaceAll(/\\\n\s*/g, " ")
        .split("\n")
        .flatMap((line) => {
          const [, variables = "", flags] = /^(?:\$ )?((?:\w+=\S+ )*)(?:npx )?ropeway(?: config check)?((?: .*)?)$/.exec(line) ?? [];
          if (flags === undefined) return [];
          return [{ where, kind: "sh", sources: { argv: words(flags), env: variablesIn(words(variables)) } }];
        });
    },
  );
}

/** The files that a block names, which are looked into before the start. */
function certificatesIn(body: string): Readonly<Record<string, string>> {
  const certificate = readFileSync(join(repositoryRoot, "tests/fixtures/certs/redis-ca.pem"), "utf8");
  return Object.fromEntries([...body.matchAll(/=(\/\S+\.pem)$/gm)].map(([, path]) => [path!, certificate]));
}

function variablesIn(lines: readonly string[]): Readonly<Record<string, string>> {
  const settings = lines.filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(settings.map((line) => [line.split("=", 1)[0]!, line.slice(line.indexOf("=") + 1)]));
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = "", anchor] = decodeURIComponent(target).split("#");
  const file = path === "" ? join(repositoryRoot, page) : join(repositoryRoot, dirname(page), path);
  if (!existsSync(file)) return false;
  if (anchor === undefined || statSync(file).isDirectory() || !file.endsWith(".md")) return true;
  return anchorsOf(readFileSync(file, "utf8")).has(anchor);
}

/** The anchors that GitHub gives headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}
