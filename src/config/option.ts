/** What an option can hold. */
export type OptionValue = string | number | boolean | readonly string[] | Tags | readonly Row[];

/** Labels of metrics: name → value. */
export type Tags = Readonly<Record<string, string>>;

/** One of several tables of the same kind: what it says, by name of field. */
export type Row = Readonly<Record<string, string | number | boolean>>;

/**
 * What this version does with an option:
 * - `works`: it does what its text says.
 * - `no-effect`: accepted and said once in the log, because Ropeway has nothing that it could tune.
 * - `not-built`: a value that switches something on stops the start with a sentence; the default, or one that switches nothing on, is accepted.
 */
export type OptionClass = "works" | "no-effect" | "not-built";

/** How an option's value is written and checked. `check` says what is wrong with one, as the end of "... can't be x: ". */
export type OptionType =
  | { readonly type: "string"; readonly default: string; readonly check?: (value: string) => string | undefined }
  | { readonly type: "boolean"; readonly default: boolean }
  /** Limits are inclusive; without them 0 to 2^53 - 1. */
  | { readonly type: "integer"; readonly default: number; readonly min?: number; readonly max?: number }
  | { readonly type: "choice"; readonly default: string; readonly values: readonly string[] }
  /** Items are trimmed and empty ones dropped. In text they are separated by `separator`, a comma unless given. */
  | {
      readonly type: "list";
      readonly default: readonly string[];
      readonly separator?: string;
      readonly values?: readonly string[];
      readonly isLowerCase?: true;
      readonly check?: (value: readonly string[]) => string | undefined;
    }
  /** `name:value,name:value` in text, a table in a file. */
  | { readonly type: "tags"; readonly default: Tags; readonly check?: (value: Tags) => string | undefined }
  /** An array of tables, for which only a file has room. Of a field's default nothing is seen: what a row leaves out stays out. */
  | {
      readonly type: "rows";
      readonly default: readonly Row[];
      readonly fields: readonly Option[];
      readonly check?: (value: readonly Row[]) => string | undefined;
    };

/** One entry of the schema. Flag, variables, file key, help, reference page and tests all derive from it. */
export type Option = OptionType & {
  /** The flag as AnyCable spells it, without dashes. A setting of the file alone is named by its `toml` path. */
  readonly name: string;
  /** Path of the key in the configuration file, `table.key`. */
  readonly toml?: string;
  /** Set when the option exists in one source alone. */
  readonly only?: "flag" | "environment" | "file";
  /** Ropeway's own: no `ANYCABLE_` variable. */
  readonly isOwn?: true;
  /** A variable without prefix that hosts set, read when no prefixed one is there. */
  readonly bareVariable?: string;
  /** Other spellings of the flag and its variables, and of the file key, that mean the same. */
  readonly aliases?: readonly string[];
  readonly tomlAliases?: readonly string[];
  readonly unit?: "s" | "ms" | "bytes" | "1/s";
  readonly class: OptionClass;
  /** What a not-built option belongs to; completes the sentence "asks for ...". */
  readonly part?: string;
  /** A not-built option that only tunes a part which another option switches on: accepted and noted, because that one is refused. */
  readonly isDetail?: true;
  readonly deprecated?: Deprecation;
  /** Never printed in a message: it is a secret, or has one inside. */
  readonly isSecret?: true;
  /** An empty variable is a value, and not the same as none. */
  readonly isEmptyMeaningful?: true;
  /** One short line for `--help`. */
  readonly text: string;
  /** What it costs and when to leave it alone, for the reference page. */
  readonly advice?: string;
};

/** An old name: what to use instead, and what the value means in terms of other options. */
export interface Deprecation {
  readonly advice: string;
  readonly becomes: (value: OptionValue) => Readonly<Record<string, OptionValue>>;
}

/** Where a value came from, weakest first. */
export type Source = "default" | "preset" | "file" | "environment" | "flag";

export interface OptionGroup {
  readonly title: string;
  readonly options: readonly Option[];
}

/** Node's timers can't wait longer than 2^31 - 1 ms. */
export const longestMs = 2_147_483_647;
export const longestSeconds = 2_147_483;

/** What is kept has no timer: ten years. */
export const longestStorageSeconds = 315_360_000;

/** No message can be larger than the longest string of the engine. */
export const largestBytes = 536_870_888;

/** Words of the reference page for a class. */
export const classNames: Readonly<Record<OptionClass, string>> = { works: "works", "no-effect": "no effect", "not-built": "not built" };

/** `ANYCABLE_` variables are AnyCable's; `ROPEWAY_` ones win over them. */
export function variablesOf(option: Option): readonly string[] {
  if (option.only === "flag" || option.only === "file") return [];
  const prefixes = option.isOwn ? ["ROPEWAY_"] : ["ROPEWAY_", "ANYCABLE_"];
  const names = [option.name, ...(option.aliases ?? [])].map((name) => name.toUpperCase().replaceAll("-", "_"));
  const prefixed = prefixes.flatMap((prefix) => names.map((name) => prefix + name));
  return option.bareVariable === undefined ? prefixed : [...prefixed, option.bareVariable];
}

/** Whether the command line takes it. */
export function hasFlag(option: Option): boolean {
  return option.only === undefined || option.only === "flag";
}

export function isSameValue(one: OptionValue, other: OptionValue): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function isList(value: OptionValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

export function isRows(value: OptionValue): value is readonly Row[] {
  return Array.isArray(value) && value.every((item) => typeof item === "object");
}

export function isTags(value: OptionValue): value is Tags {
  return typeof value === "object" && !Array.isArray(value);
}
