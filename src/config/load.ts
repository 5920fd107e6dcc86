import { join, resolve } from "node:path";
import { CableError } from "../errors.ts";
import { warningsAbout } from "./advice.ts";
import type { Config } from "./config.ts";
import { deriveConfig } from "./derive.ts";
import { readEnvironment, type Environment } from "./environment.ts";
import { attempt, endAtFirst, type Fail } from "./faults.ts";
import { readConfigText } from "./file.ts";
import { readFlags } from "./flags.ts";
import { Settings, type Layer } from "./layers.ts";
import { notesOnIdleOptions, refuseNotBuilt } from "./not-built.ts";
import { presetsFor, type Presets } from "./presets.ts";

export interface LoadOptions {
  /** The command line, without the program. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** What relative paths start from. */
  readonly cwd: string;
  /** The text of a file; undefined when there is none. May throw CableError `config.unreadable_file`. @see readFileIfThere */
  readonly readFile: (path: string) => string | undefined;
  /** The absolute path of a program, named as in a shell; undefined when there is none that we may run. @see programFinder */
  readonly findProgram: (name: string) => string | undefined;
}

export type LoadedConfig =
  /** Nothing else was looked at: a broken file is no reason to give no help. */
  | { readonly command: "help" | "version" }
  | {
      readonly command: "serve" | "print-config";
      readonly config: Config;
      /** Sentences for the log, at its levels warn and info. */
      readonly warnings: readonly string[];
      readonly notes: readonly string[];
      /** The value of every option, and where it came from. */
      readonly settings: Settings;
      /** The configuration file that was read. */
      readonly configPath: string | undefined;
    };

/** Tried in this order; the first that exists is the only one read. */
export const configPaths: readonly string[] = [
  "./ropeway.toml",
  "./anycable.toml",
  "/etc/ropeway/ropeway.toml",
  "/etc/anycable/anycable.toml",
];

/**
 * Works out the configuration: defaults, then presets, then the file, then the variables, then the command line; the later wins. Pure but
 * for `readFile`.
 * @throws {CableError} `config.*`, one line that names what was wrong and where.
 */
export function loadConfig(from: LoadOptions): LoadedConfig {
  const flags = readFlags(from.argv);
  if (isOn(flags, "help")) return { command: "help" };
  if (isOn(flags, "version")) return { command: "version" };

  const warnings: string[] = [];
  const warn = (sentence: string): void => void warnings.push(sentence);
  const { settings, presets, configPath } = readSettings(from, flags, { warn, fail: endAtFirst });
  refuseNotBuilt(settings);
  const config = deriveConfig({ settings, readFile: fromFolder(from), findProgram: from.findProgram, warn });
  return {
    command: isOn(flags, "print-config") ? "print-config" : "serve",
    config,
    warnings: [...warnings, ...presets.warnings, ...warningsAbout(config)],
    notes: [...presets.notes, ...notesOnIdleOptions(settings)],
    settings,
    configPath,
  };
}

/** What the sources say. */
export interface ReadSettings {
  readonly settings: Settings;
  readonly presets: Presets;
  /** Weakest first: what presets, the file, the variables and the command line say by themselves. */
  readonly layers: readonly Layer[];
  readonly configPath: string | undefined;
}

/** Reads every source, without a look at what the values mean together. `fail` hears what is wrong. */
export function readSettings(
  from: LoadOptions,
  flags: Layer,
  { warn, fail }: { readonly warn: (sentence: string) => void; readonly fail: Fail },
): ReadSettings {
  const file = isOn(flags, "ignore-config-path") ? undefined : attempt(() => findFile(from, flags), fail);
  const given = [file === undefined ? new Map() : readConfigText(file.text, file.path, fail), readEnvironment(from.env, warn, fail), flags];
  // Which presets apply, and what they say, follows from what was given.
  const own = new Settings(given, () => {}, fail);
  const presets = attempt(() => presetsFor(own, from), fail) ?? { names: [], layer: new Map(), warnings: [], notes: [] };
  const layers = [presets.layer, ...given];
  return { settings: new Settings(layers, warn, () => {}), presets, layers, configPath: file?.path };
}

/** Reads files whose paths start from where we are. */
export function fromFolder({ cwd, readFile }: LoadOptions): (path: string) => string | undefined {
  return (path) => readFile(resolve(cwd, path));
}

function findFile({ cwd, readFile }: LoadOptions, flags: Layer): { readonly path: string; readonly text: string } | undefined {
  const named = flags.get("config-path")?.value;
  if (typeof named === "string" && named !== "") {
    const path = resolve(cwd, named);
    const text = readFile(path);
    if (text === undefined) throw new CableError("config.unreadable_file", `--config-path: there is no file ${path}`);
    return { path, text };
  }
  for (const candidate of configPaths) {
    const path = candidate.startsWith("/") ? candidate : join(cwd, candidate);
    const text = readFile(path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

function isOn(flags: Layer, name: string): boolean {
  return flags.get(name)?.value === true;
}
