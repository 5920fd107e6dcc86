import { CableError } from "../errors.ts";
import { attempt, endAtFirst, type Fail } from "./faults.ts";
import { give, type Layer } from "./layers.ts";
import { nearest } from "./nearest.ts";
import { neighbourVariables } from "./neighbour-variables.ts";
import { variablesOf, type Option } from "./option.ts";
import { optionByFlag, optionByVariable, options } from "./schema.ts";
import { readText } from "./value.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables. Of `ROPEWAY_X`, `ANYCABLE_X` and a bare one such as `PORT` the first that is there counts, and an empty one is not
 * there, unless the option says that empty means something. Variables that nobody knows are ignored; `warn` hears about near misses.
 * `fail` hears `config.invalid_value`.
 */
export function readEnvironment(env: Environment, warn: (sentence: string) => void, fail: Fail = endAtFirst): Layer {
  const layer: Layer = new Map();
  for (const option of options) readVariables(option, env, layer, fail);
  for (const name of Object.keys(env)) {
    const sentence = nearMiss(name);
    if (sentence !== undefined) warn(sentence);
  }
  return layer;
}

function readVariables(option: Option, env: Environment, layer: Layer, fail: Fail): void {
  // One spelling at a time: two spellings that disagree are an error, two prefixes are not.
  for (const spelling of [option.name, ...(option.aliases ?? [])]) {
    const variables = variablesOf({ ...option, name: spelling, aliases: [] });
    const origin = variables.find((name) => env[name] !== undefined && (env[name] !== "" || option.isEmptyMeaningful));
    if (origin === undefined) continue;
    const reading = readText(option, env[origin]!);
    if ("problem" in reading) fail(new CableError("config.invalid_value", `${origin} ${reading.problem}`));
    else attempt(() => give(layer, option, { value: reading.value, source: "environment", origin }), fail);
  }
}

function nearMiss(name: string): string | undefined {
  const prefix = ["ROPEWAY_", "ANYCABLE_"].find((candidate) => name.startsWith(candidate));
  if (prefix === undefined || optionByVariable.has(name) || neighbourVariables.has(name)) return undefined;
  if (optionByVariable.has(name.replace(prefix, "ROPEWAY_"))) {
    return `${name} is ignored: the option is Ropeway's own, so its variable is ${name.replace(prefix, "ROPEWAY_")}`;
  }
  const flag = optionByFlag.get(name.slice(prefix.length).toLowerCase());
  if (flag !== undefined) return `${name} is ignored: --${flag.name} is a flag only`;
  const known = [...optionByVariable.keys()].filter((variable) => variable.startsWith(prefix));
  // Others use the prefix for names of their own, so only what is almost a variable of ours is worth a line.
  const guess = nearest(name, known, 2);
  return guess === undefined ? undefined : `${name} is ignored: no option has this variable; did you mean ${guess}?`;
}
