// What the pages point to is there.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
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
