import { CableError } from "../errors.ts";
import { endAtFirst, type Fail } from "./faults.ts";
import { isList, isRows, isSameValue, isTags, type Option, type OptionValue, type Row, type Source, type Tags } from "./option.ts";
import { optionByName, options } from "./schema.ts";

/** A value and where it stands: `--port`, `ANYCABLE_PORT`, `server.port in anycable.toml`. */
export interface Given {
  readonly value: OptionValue;
  readonly source: Source;
  readonly origin: string;
}

/** What one source says, by name of option. */
export type Layer = Map<string, Given>;

/** Adds a value to a layer. @throws {CableError} `config.invalid_value` when the layer says something else under another spelling. */
export function give(layer: Layer, option: Option, given: Given): void {
  const earlier = layer.get(option.name);
  if (earlier !== undefined && !isSameValue(earlier.value, given.value)) throw conflict(earlier.origin, given.origin);
  layer.set(option.name, given);
}

/** The effective value of every option. */
export class Settings {
  readonly #given: ReadonlyMap<string, Given>;

  /** Layers come weakest first. `warn` hears about old names, `fail` about two names of one option that disagree. */
  constructor(layers: readonly Layer[], warn: (sentence: string) => void, fail: Fail = endAtFirst) {
    const given = new Map<string, Given>(
      options.map((option) => [option.name, { value: option.default, source: "default", origin: "default" }]),
    );
    for (const layer of layers) for (const [name, value] of renewed(layer, warn, fail)) given.set(name, value);
    this.#given = given;
  }

  get(name: string): Given {
    const given = this.#given.get(name);
    if (given === undefined) throw new Error(`no option ${name}`);
    return given;
  }

  value(name: string): OptionValue {
    return this.get(name).value;
  }

  source(name: string): Source {
    return this.get(name).source;
  }

  isGiven(name: string): boolean {
    return this.get(name).source !== "default";
  }

  text(name: string): string {
    return this.#typed(name, (value) => typeof value === "string");
  }

  number(name: string): number {
    return this.#typed(name, (value) => typeof value === "number");
  }

  flag(name: string): boolean {
    return this.#typed(name, (value) => typeof value === "boolean");
  }

  list(name: string): readonly string[] {
    return this.#typed(name, isList);
  }

  tags(name: string): Tags {
    return this.#typed(name, isTags);
  }

  rows(name: string): readonly Row[] {
    return this.#typed(name, isRows);
  }

  /** Whether somebody asked for something else than the default. AnyCable's own rules look no further than this. */
  isChanged(name: string): boolean {
    return !isSameValue(this.value(name), optionByName.get(name)!.default);
  }

  #typed<T extends OptionValue>(name: string, isIt: (value: OptionValue) => value is T): T {
    const value = this.value(name);
    if (!isIt(value)) throw new Error(`option ${name} has another type in the schema`);
    return value;
  }
}

/** The layer with old names replaced by what they mean today. */
function renewed(layer: Layer, warn: (sentence: string) => void, fail: Fail): Layer {
  const result: Layer = new Map();
  const replacements: [Option, Given][] = [];
  for (const [name, given] of layer) {
    const option = optionByName.get(name)!;
    if (option.deprecated === undefined) result.set(name, given);
    else if (!isSameValue(given.value, option.default)) replacements.push([option, given]);
  }
  for (const [option, old] of replacements) {
    const becomes = Object.entries(option.deprecated!.becomes(old.value));
    let isNews = becomes.length === 0;
    for (const [name, value] of becomes) {
      const current = result.get(name);
      // AnyCable's --print-config writes "none" under the new name beside the key under the old one.
      const isSaid = current !== undefined && current.value !== "none";
      if (isSaid && !isSameValue(current.value, value)) fail(conflict(current.origin, old.origin));
      if (isSaid) continue;
      isNews = true;
      result.set(name, { ...old, value });
    }
    if (isNews) warn(`${old.origin} is deprecated: ${option.deprecated!.advice}`);
  }
  return result;
}

function conflict(one: string, other: string): CableError {
  return new CableError("config.invalid_value", `${one} and ${other} say different things about the same option; keep one of them`);
}
