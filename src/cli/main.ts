#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { loadConfig, type LoadedConfig } from "../config/load.ts";
import { readFileIfThere } from "../config/read-file.ts";
import { renderConfig } from "../config/render.ts";
import { CableError, messageOf } from "../errors.ts";
import { renderHelp } from "./help.ts";
import { serve } from "./serve.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string };

function load(): LoadedConfig {
  try {
    return loadConfig({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd(), readFile: readFileIfThere });
  } catch (error) {
    return fail(error);
  }
}

/** One line that says what was wrong, and the end. */
function fail(error: unknown): never {
  if (!(error instanceof CableError)) throw error;
  console.error(`ropeway: ${messageOf(error)} (${error.code})`);
  process.exit(1);
}

const loaded = load();
switch (loaded.command) {
  case "help":
    console.log(renderHelp());
    break;
  case "version":
    console.log(version);
    break;
  case "print-config":
    console.log(renderConfig(loaded.settings));
    break;
  case "serve":
    await serve(loaded, version).catch(fail);
    break;
}
