import { shownValue } from "./check-values.ts";
import { dangersIn, type Danger } from "./check-dangers.ts";
import { idleIn } from "./check-idle.ts";
import { shortfallsOf } from "./advice.ts";
import type { Config } from "./config.ts";
import { deriveConfig } from "./derive.ts";
import type { Fail } from "./faults.ts";
import { readFlags } from "./flags.ts";
import { Settings, type Layer } from "./layers.ts";
import { fromFolder, readSettings, type LoadOptions, type ReadSettings } from "./load.ts";
import { notesOnIdleOptions, whatIsNotBuilt } from "./not-built.ts";
import type { Source } from "./option.ts";
import { optionByName, options } from "./schema.ts";
import { CableError, type ErrorCode } from "../errors.ts";

/** What an environment means. Secrets are nowhere inside. */
export interface ConfigReport {
  /** The configuration file that was read. */
  readonly configPath: string | undefined;
  readonly presets: readonly string[];
  /** Every option, in the order of the reference page. */
  readonly options: readonly CheckedOption[];
  /** Whatever keeps the server from starting; empty: it would start. */
  readonly problems: readonly { readonly code: ErrorCode; readonly message: string }[];
  readonly unsafe: readonly Danger[];
  /** Old names that are in use. */
  readonly deprecated: readonly string[];
  /** What is set in vain. */
  readonly idle: readonly string[];
  readonly warnings: readonly string[];
}

export interface CheckedOption {
  readonly name: string;
  /** As a flag would have it; what is secret in it is hidden. */
  readonly value: string;
  readonly unit: string | undefined;
  readonly source: Source;
  /** `--port`, `ANYCABLE_PORT`, `server.port in /etc/anycable/anycable.toml`, `preset fly`, `default`. */
  readonly origin: string;
  /** Weaker places that say something too. */
  readonly insteadOf: readonly string[];
}

/** Reads everything as a start would, but goes on after a fault, to tell all of them. `config` is there when nothing is wrong. */
export function checkConfig(from: LoadOptions): { readonly report: ConfigReport; readonly config: Config | undefined } {
  const problems = new Map<string, ErrorCode>();
  const fail: Fail = ({ code, message }) => void problems.set(message, code);
  const warnings = new Set<string>();
  const warn = (sentence: string): void => void warnings.add(sentence);

  const flags = readFlags(from.argv, fail);
  const read = readSettings(from, flags, { warn, fail });
  const { settings, presets, layers } = read;
  for (const { sentence } of whatIsNotBuilt(settings)) {
    fail(new CableError("config.not_built", `${sentence}: this version does not have that; remove it to start`));
  }
  const derived = deriveDespiteFaults(read, from, fail);
  for (const sentence of [...derived.warnings, ...presets.warnings]) warn(sentence);
  const { config } = derived;
  for (const sentence of config === undefined ? [] : shortfallsOf(config)) warn(sentence);

  const isDeprecation = (sentence: string): boolean => sentence.includes(" is deprecated: ");
  const unsafe = config === undefined ? [] : dangersIn(config, { settings, flags, env: from.env });
  const isSaidThere = (sentence: string): boolean => sentence.startsWith("Redis's certificate is not checked");
  const report: ConfigReport = {
    configPath: read.configPath,
    presets: presets.names,
    options: options
      .filter(({ only, deprecated }) => only !== "flag" && deprecated === undefined)
      .map(({ name }) => describe(name, settings, layers)),
    problems: [...problems].map(([message, code]) => ({ code, message })),
    unsafe,
    deprecated: [...warnings].filter(isDeprecation),
    idle: [...notesOnIdleOptions(settings), ...(config === undefined ? [] : idleIn(config, settings))],
    warnings: [...warnings].filter((sentence) => !isDeprecation(sentence) && !isSaidThere(sentence)),
  };
  return { report, config: problems.size === 0 ? config : undefined };
}

function describe(name: string, settings: Settings, layers: readonly Layer[]): CheckedOption {
  const option = optionByName.get(name)!;
  const { value, source, origin } = settings.get(name);
  const insteadOf = layers.flatMap((layer) => layer.get(name) ?? []).filter((given) => given.origin !== origin);
  return {
    name,
    value: shownValue(option, value),
    unit: option.unit,
    source,
    origin,
    // Strongest first, as they would step in.
    insteadOf: insteadOf.map((given) => given.origin).toReversed(),
  };
}

/**
 * Derives the configuration again and again, each time without the option that the last fault began with, until it comes out or a fault
 * names none.
 */
function deriveDespiteFaults(
  { layers }: ReadSettings,
  from: LoadOptions,
  fail: Fail,
): { readonly config: Config | undefined; readonly warnings: readonly string[] } {
  const without: Layer = new Map();
  for (;;) {
    const settings = new Settings(
      [...layers, without],
      () => {},
      () => {},
    );
    const warnings: string[] = [];
    try {
      return {
        config: deriveConfig({
          settings,
          readFile: fromFolder(from),
          findProgram: from.findProgram,
          warn: (sentence) => warnings.push(sentence),
        }),
        warnings,
      };
    } catch (error) {
      if (!(error instanceof CableError)) throw error;
      fail(error);
      const culprits = options.filter(({ name }) => settings.isGiven(name) && beginsWith(error.message, settings.get(name).origin));
      if (culprits.length === 0) return { config: undefined, warnings };
      for (const option of culprits) without.set(option.name, { value: option.default, source: "default", origin: "default" });
    }
  }
}

function beginsWith(message: string, origin: string): boolean {
  return message.startsWith(origin) && !/^[\w-]/u.test(message.slice(origin.length));
}
