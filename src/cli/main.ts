#!/usr/bin/env node
// First of all, before the heap grows.
import "./young-generation.ts";
import { programFinder } from "../config/find-program.ts";
import { loadConfig, type LoadedConfig, type LoadOptions } from "../config/load.ts";
import { readFileIfThere } from "../config/read-file.ts";
import { renderConfig } from "../config/render.ts";
import { CableError, messageOf } from "../errors.ts";
import { version } from "../version.ts";
import { check } from "./check.ts";
import { renderHelp } from "./help.ts";
import { serve } from "./serve.ts";

const argv = process.argv.slice(2);

function from(args: readonly string[]): LoadOptions {
  const cwd = process.cwd();
  const findProgram = programFinder({ path: process.env["PATH"], cwd });
  return { argv: args, env: process.env, cwd, readFile: readFileIfThere, findProgram };
}

function load(): LoadedConfig {
  try {
    return loadConfig(from(argv));
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

async function run(loaded: LoadedConfig): Promise<void> {
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
}

if (argv[0] === "config" && argv[1] === "check") process.exitCode = await check(from(argv.slice(2)), version).catch(fail);
else if (argv[0] === "config") fail(new CableError("config.unknown_option", "ropeway config takes one word: check"));
else await run(load());
