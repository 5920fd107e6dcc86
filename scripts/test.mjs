// `npm test`: from a fresh clone to the one line that says how many passed. Arguments go to vitest: `npm test -- tests/unit`.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { build } from "./build.mjs";
import { check } from "./check.mjs";
import { ensureServices } from "./services.mjs";
import { checkNode, installDependencies, root, runTool, Stop } from "./toolbox.mjs";

/** Far more than the suite takes; something hangs when it is reached. */
const testsTimeoutMs = 30 * 60_000;

async function main() {
  try {
    checkNode();
    await installDependencies();
    await ensureServices();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { passed: 0, skipped: 0, failures: [error.message] };
  }
  const failures = [...(await build()), ...(await check())];
  const tests = await runTests(process.argv.slice(2));
  return { ...tests, failures: [...failures, ...tests.failures] };
}

async function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), "ropeway-test-"));
  const report = join(folder, "report.json");
  try {
    // A service was found for every test that needs one: a skip for lack of it would be a fault.
    const env = { REQUIRE_SERVICES: "1", FORCE_COLOR: process.env["FORCE_COLOR"] ?? (process.stdout.isTTY ? "1" : "0") };
    const vitest = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...args];
    const code = await runTool("vitest", vitest, { env, timeoutMs: testsTimeoutMs });
    return count(readReport(report), code);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { testResults: [] };
  }
}

function count({ testResults }, exitCode) {
  const failures = [];
  let passed = 0;
  let skipped = 0;
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(root, name);
    const failuresBefore = failures.length;
    for (const test of assertionResults) {
      if (test.status === "passed") passed++;
      else if (test.status === "failed") failures.push(`${file}: ${test.fullName}`);
      else skipped++;
    }
    // A file that can't be loaded, or whose hooks fail, has no failing test.
    if (status === "failed" && failures.length === failuresBefore) failures.push(`${file}: ${message.split("\n")[0]}`);
  }
  // Errors that belong to no test: an unhandled rejection, a timer that threw, a worker that died.
  if (exitCode !== 0 && failures.length === 0)
    failures.push(`vitest ended with ${exitCode}; an error outside of any test is printed above`);
  if (passed === 0 && failures.length === 0) failures.push("no test ran");
  return { passed, skipped, failures };
}

const { passed, skipped, failures } = await main();
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((failure) => `  ${failure}`).join("\n")}`);
console.log(`\n${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failures.length === 0 ? 0 : 1;
