import { writeSync } from "node:fs";
import type { Figures, LoadResult } from "./plan.ts";

/** The run is void: says why on the result line, and ends the process at once. */
export function fail(reason: string): never {
  return end({ failure: reason }, 1);
}

export function succeed(figures: Figures): never {
  return end({ figures }, 0);
}

function end(result: LoadResult, exitCode: number): never {
  writeSync(1, `${JSON.stringify(result)}\n`);
  process.exit(exitCode);
}
