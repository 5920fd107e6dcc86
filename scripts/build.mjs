// `npm run build`: src/ to dist/, which is what gets published; examples/ and bench/ to build/. `--quick` leaves out the package check.

import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { root, runTool } from "./toolbox.mjs";

/** Resolves to the names of the steps that failed. */
export async function build({ isQuick = false } = {}) {
  const failed = [];
  if ((await runTool("typescript", ["-p", "tsconfig.build.json"])) !== 0) failed.push("build of src");
  removeOrphans("dist", "src");
  if (existsSync(join(root, "dist/cli/main.js"))) chmodSync(join(root, "dist/cli/main.js"), 0o755);
  // After dist/: examples import the package by its name.
  if ((await runTool("typescript", ["-p", "tsconfig.tools.json"])) !== 0) failed.push("build of examples and bench");
  for (const folder of ["examples", "bench"]) removeOrphans(`build/${folder}`, folder);
  if (!isQuick && (await runTool("publint", ["run", "--strict"])) !== 0) failed.push("publint");
  return failed;
}

/** Removes what was compiled from sources that are gone. The folder is never emptied first: somebody may be running what is in it. */
function removeOrphans(to, from) {
  if (!existsSync(join(root, to))) return;
  for (const entry of readdirSync(join(root, to), { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const source = join(root, from, relative(join(root, to), path)).replace(/\.(?:d\.ts|js)(?:\.map)?$/, ".ts");
    if (!existsSync(source)) rmSync(path);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const failed = await build({ isQuick: process.argv.includes("--quick") });
  for (const name of failed) console.error(`FAILED: ${name}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
