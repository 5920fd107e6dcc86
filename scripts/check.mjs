// `npm run check`: everything that can be said about the code without running it.

import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { root, run, runTool } from "./toolbox.mjs";

const checks = [
  { name: "format", remedy: "npm run format", run: () => runTool("oxfmt", ["--check"]) },
  { name: "lint", run: () => runTool("oxlint", ["--type-aware"]) },
  { name: "types", run: () => runTool("typescript", ["-p", "tsconfig.json"]) },
  { name: "unused code", run: () => runTool("knip", []) },
  {
    name: "generated code",
    remedy: "node scripts/generate-proto.mjs",
    run: () => run(process.execPath, [join(root, "scripts/generate-proto.mjs"), "--check"]),
  },
];

/** Resolves to the names of the checks that failed. All run, whatever the first one says. */
export async function check() {
  const failed = [];
  for (const { name, remedy, run } of checks) {
    console.log(`\n== ${name}`);
    if ((await run()) !== 0) failed.push(remedy === undefined ? name : `${name} (${remedy})`);
  }
  return failed;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const failed = await check();
  for (const name of failed) console.error(`FAILED: ${name}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
