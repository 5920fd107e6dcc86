// A real browser for the tests that need one: the Chromium that the machine has, never one downloaded.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why a browser test can't run here, or undefined when it can. In CI (`CI=true`) a missing browser is no excuse: it throws. */
export function reasonToSkipBrowser(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (findChromium(env) !== undefined) return undefined;
  const reason = "no Chromium on this machine: install it, or name it in CHROMIUM_PATH";
  if (env["CI"] === "true") throw new Error(reason);
  return reason;
}

/** Close it when done: that ends its processes. */
export async function launchChromium(env: NodeJS.ProcessEnv = process.env): Promise<Browser> {
  const executablePath = findChromium(env);
  if (executablePath === undefined) throw new Error("no Chromium on this machine");
  return await chromium.launch({ executablePath, args });
}

/** `CHROMIUM_PATH`, or the first usual name on the search path. */
function findChromium(env: NodeJS.ProcessEnv): string | undefined {
  const given = env["CHROMIUM_PATH"];
  if (given !== undefined && given !== "") return given;
  const folders = [...(env["PATH"] ?? "").split(delimiter), "/usr/bin"].filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
