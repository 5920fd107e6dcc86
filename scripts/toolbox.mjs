// What the scripts share: the repository's root, running a program, and whether node_modules is what the lockfile says. Needs nothing
// but Node, so that it works in a fresh clone.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** An expected end of a script: the message is all that is to be said. */
export class Stop extends Error {}

/** Runs a program in the repository's root, its output going to ours. Resolves to its exit code; a signal counts as 1. */
export function run(program, args, { env, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } });
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
    function giveUp() {
      console.error(`${[program, ...args].join(" ")} took longer than ${timeoutMs / 60_000} minutes and was ended.`);
      child.kill("SIGKILL");
    }
    const pass = (signal) => child.kill(signal);
    process.on("SIGTERM", pass);
    const done = (code) => {
      clearTimeout(timer);
      process.off("SIGTERM", pass);
      resolve(code);
    };
    child.once("error", (error) => {
      console.error(`${program}: ${error.message}`);
      done(127);
    });
    child.once("exit", (code) => done(code ?? 1));
  });
}

/** Runs the command of a development dependency, without a shell and without npx. */
export function runTool(packageName, args, options) {
  const folder = join(root, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = typeof bin === "string" ? bin : (bin[packageName] ?? Object.values(bin)[0]);
  return run(process.execPath, [join(folder, file), ...args], options);
}

/** @throws {Stop} when this Node is older than package.json asks for. */
export function checkNode() {
  const { engines } = readJson("package.json");
  const wanted = engines.node.replace(">=", "");
  const [major, minor] = wanted.split(".").map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split(".").map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  throw new Stop(`Node ${wanted} or newer is needed, this is ${process.versions.node}. Get it from https://nodejs.org or your system.`);
}

/** Runs `npm ci` when node_modules is missing or not what package-lock.json says. @throws {Stop} when that fails. */
export async function installDependencies() {
  const why = whyInstall();
  if (why === undefined) return;
  console.log(`npm ci: ${why}`);
  const npm = process.env["npm_execpath"];
  const code = npm ? await run(process.execPath, [npm, "ci"]) : await run("npm", ["ci"]);
  if (code !== 0) throw new Stop("npm ci failed; what it printed says why.");
}

function whyInstall() {
  if (!existsSync(join(root, "node_modules/.package-lock.json"))) return "node_modules is missing";
  const manifest = readJson("package.json");
  const { packages: wanted } = readJson("package-lock.json");
  const { packages: installed } = readJson("node_modules/.package-lock.json");
  for (const kind of ["dependencies", "devDependencies"]) {
    if (JSON.stringify(manifest[kind]) !== JSON.stringify(wanted[""][kind])) return "package.json and package-lock.json differ";
  }
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = installed[path];
    // What is optional may be for another kind of machine.
    if (found === undefined ? !optional : found.version !== version) return `${path} is not at ${version}`;
  }
  return undefined;
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}
