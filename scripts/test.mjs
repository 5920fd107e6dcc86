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
/** When more files than these have a failing test, it is no chance. */
const mostTriedAgain = 3;

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

/**
 * Files in which something failed are run once more, by themselves: real servers on a busy machine can be late for each other. What fails twice
 * has failed, and so it is with many files; what passes then is told, since it is a fault all the same.
 */
async function runTests(args) {
  const first = await runVitest(args);
  const broken = first.files.filter((file) => failuresOf(file).length > 0);
  if (first.problems.length > 0 || broken.length === 0 || broken.length > mostTriedAgain) return count(first);
  console.log(`\nOnce more, with nothing beside: ${broken.map(({ path }) => relative(root, path)).join(", ")}`);
  const second = await runVitest([...broken.map(({ path }) => path), "--no-file-parallelism"]);
  const still = new Set(second.files.flatMap(failuresOf));
  const unsteady = broken.flatMap(failuresOf).filter((failure) => !still.has(failure));
  if (second.problems.length === 0 && unsteady.length > 0) console.log(`\nUnsteady, passed at the second try only:\n${listed(unsteady)}`);
  return count({ files: [...first.files.filter((file) => !broken.includes(file)), ...second.files], problems: second.problems });
}

/** What came of each file, and what went wrong beside them. */
async function runVitest(args) {
  const folder = mkdtempSync(join(tmpdir(), "ropeway-test-"));
  const report = join(folder, "report.json");
  try {
    const env = {
      ROPEWAY_TEST_REPORT: report,
      // A service was found for every test that needs one: a skip for lack of it would be a fault.
      REQUIRE_SERVICES: "1",
      FORCE_COLOR: process.env["FORCE_COLOR"] ?? (process.stdout.isTTY ? "1" : "0"),
    };
    const reporters = ["--reporter=default", `--reporter=${join(root, "scripts/test-report.mjs")}`];
    const code = await runTool("vitest", ["run", ...reporters, ...args], { env, timeoutMs: testsTimeoutMs });
    const { files, strayErrors } = readReport(report);
    const problems = strayErrors.map((message) => `outside of any test: ${message}`);
    if (code !== 0 && problems.length === 0 && files.flatMap(failuresOf).length === 0) problems.push(`vitest ended with ${code}`);
    return { files, problems };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { files: [], strayErrors: [] };
  }
}

function failuresOf({ path, tests, errors }) {
  const file = relative(root, path);
  return [...tests.filter(({ state }) => state === "failed").map(({ name }) => name), ...errors].map((what) => `${file}: ${what}`);
}

function count({ files, problems }) {
  const failures = [...files.flatMap(failuresOf), ...problems];
  const tests = files.flatMap((file) => file.tests);
  const passed = tests.filter(({ state }) => state === "passed").length;
  const skipped = tests.filter(({ state }) => state === "skipped" || state === "pending").length;
  if (passed === 0 && failures.length === 0) failures.push("no test ran");
  return { passed, skipped, failures };
}

function listed(lines) {
  return lines.map((line) => `  ${line}`).join("\n");
}

const { passed, skipped, failures } = await main();
if (failures.length > 0) console.log(`\nFailed:\n${listed(failures)}`);
console.log(`\n${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failures.length === 0 ? 0 : 1;
