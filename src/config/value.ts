import { isList, isRows, type Option, type OptionValue, type Row } from "./option.ts";

/** A value that was read, or the end of the sentence "`--port` ..." that says why it could not be. */
export type Reading = { readonly value: OptionValue } | { readonly problem: string };

/** Reads a value from a flag or a variable. */
export function readText(option: Option, text: string): Reading {
  switch (option.type) {
    case "string":
      return checked(option, text, option.check?.(text));
    case "boolean":
      return trueWords.has(text.trim())
        ? { value: true }
        : falseWords.has(text.trim())
          ? { value: false }
          : { problem: wrong(option, JSON.stringify(text)) };
    case "integer": {
      const digits = text.trim();
      if (!/^[+-]?(?:0|[1-9](?:_?\d)*)$/u.test(digits)) return { problem: wrong(option, JSON.stringify(text)) + serviceLinkHint(text) };
      return readInteger(option, Number(digits.replaceAll("_", "")), digits);
    }
    case "choice":
      return readChoice(option, text);
    case "list":
      return readItems(option, text.split(option.separator ?? ","));
    case "tags":
      return readTagText(option, text);
    case "rows":
      return { problem: "can only stand in a file" };
  }
}

/** Reads a value from a parsed TOML file. */
export function readToml(option: Option, value: unknown): Reading {
  const problem = { problem: wrong(option, kindOf(value)) };
  switch (option.type) {
    case "string":
      return typeof value === "string" ? checked(option, value, option.check?.(value)) : problem;
    case "boolean":
      return typeof value === "boolean" ? { value } : problem;
    case "integer":
      return typeof value === "number" ? readInteger(option, value, String(value)) : problem;
    case "choice":
      return typeof value === "string" ? readChoice(option, value) : problem;
    case "list":
      if (typeof value === "string") return readItems(option, value.split(option.separator ?? ","));
      return Array.isArray(value) && value.every((item) => typeof item === "string") ? readItems(option, value) : problem;
    case "tags": {
      if (typeof value === "string") return readTagText(option, value);
      if (!isTable(value)) return problem;
      const tags = Object.entries(value);
      return tags.every((tag): tag is [string, string] => typeof tag[1] === "string") ? readTags(option, tags) : problem;
    }
    case "rows":
      return Array.isArray(value) && value.every(isTable) ? readRows(option, value) : problem;
  }
}

/** What an option takes, for messages and for the reference page. */
export function describeType(option: Option): string {
  switch (option.type) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "integer": {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
      const unit = option.unit === undefined ? "" : ` (${option.unit})`;
      return max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min} up${unit}` : `a whole number from ${min} to ${max}${unit}`;
    }
    case "choice":
      return `one of ${option.values.filter((value) => value !== "").join(", ")}`;
    case "list":
      if (option.values !== undefined) return `a list of ${option.values.join(", ")}`;
      return option.separator === "\n" ? "a list with an item a line" : `a list separated by "${option.separator ?? ","}"`;
    case "tags":
      return "a list of name:value";
    case "rows":
      return `an array of tables with ${fieldsOf(option)}`;
  }
}

/** A value as a flag would give it. */
export function showValue(option: Option, value: OptionValue): string {
  if (typeof value !== "object") return String(value);
  if (isList(value)) return value.join(option.type === "list" ? (option.separator ?? ",") : ",");
  if (isRows(value)) return value.map((row) => JSON.stringify(row)).join(", ");
  return Object.entries(value)
    .map(([name, text]) => `${name}:${text}`)
    .join(",");
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** What Go's flags take, as AnyCable does. */
const trueWords: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const falseWords: ReadonlySet<string> = new Set(["0", "f", "F", "false", "FALSE", "False"]);

function readInteger(option: Option & { readonly type: "integer" }, value: number, shown: string): Reading {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
  return Number.isInteger(value) && value >= min && value <= max ? { value: value + 0 } : { problem: wrong(option, shown) };
}

function readChoice(option: Option & { readonly type: "choice" }, text: string): Reading {
  const value = text.trim().toLowerCase();
  return option.values.includes(value) ? { value } : { problem: wrong(option, JSON.stringify(text)) };
}

function readItems(option: Option & { readonly type: "list" }, texts: readonly string[]): Reading {
  const items = texts
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => (option.isLowerCase ? text.toLowerCase() : text));
  const { values } = option;
  const strange = values && items.find((item) => !values.includes(item));
  if (strange !== undefined) return { problem: wrong(option, JSON.stringify(strange), "has the item") };
  // A repeated choice would start the same thing twice.
  const value = values === undefined ? items : [...new Set(items)];
  return checked(option, value, option.check?.(value));
}

function readTagText(option: Option & { readonly type: "tags" }, text: string): Reading {
  const pairs: [string, string][] = [];
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    const colon = item.indexOf(":");
    if (colon < 0) return { problem: wrong(option, JSON.stringify(item.trim()), "has the item") };
    pairs.push([item.slice(0, colon).trim(), item.slice(colon + 1).trim()]);
  }
  return readTags(option, pairs);
}

function readTags(option: Option & { readonly type: "tags" }, pairs: readonly (readonly [string, string])[]): Reading {
  const value = Object.fromEntries(pairs);
  return checked(option, value, option.check?.(value));
}

/** Entries are counted from 1. */
function readRows(option: Option & { readonly type: "rows" }, tables: readonly Readonly<Record<string, unknown>>[]): Reading {
  const rows: Row[] = [];
  for (const [index, table] of tables.entries()) {
    const row = new Map<string, string | number | boolean>();
    for (const [key, value] of Object.entries(table)) {
      const field = option.fields.find(({ name }) => name === key.toLowerCase());
      const entry = `has in entry ${index + 1}`;
      if (field === undefined) return { problem: `${entry} the unknown key ${JSON.stringify(key)}; known are ${fieldsOf(option)}` };
      const reading = readToml(field, value);
      if ("problem" in reading) return { problem: `${entry} a wrong ${field.name}: it ${reading.problem}` };
      if (typeof reading.value !== "object") row.set(field.name, reading.value);
    }
    rows.push(Object.fromEntries(row));
  }
  const problem = option.check?.(rows);
  return problem === undefined ? { value: rows } : { problem };
}

function fieldsOf({ fields }: { readonly fields: readonly Option[] }): string {
  return fields.map(({ name }) => name).join(", ");
}

function checked(option: Option, value: OptionValue, problem: string | undefined): Reading {
  if (problem === undefined) return { value };
  const text = showValue(option, value);
  const shown = option.isSecret || text === "" ? "can't be used" : `can't be ${brief(JSON.stringify(text))}`;
  return { problem: `${shown}: ${problem}` };
}

function wrong(option: Option, shown: string, verb = "is"): string {
  const what = option.isSecret ? "has a value of the wrong kind" : `${verb} ${brief(shown)}`;
  return `${what}, but takes ${describeType(option)}`;
}

/** One line, however long the value. */
function brief(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function kindOf(value: unknown): string {
  if (value instanceof Date) return "a date";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? JSON.stringify(value) : "a table";
}

/** Kubernetes sets ANYCABLE_PORT=tcp://... in every pod beside a Service named anycable. */
function serviceLinkHint(text: string): string {
  return text.startsWith("tcp://")
    ? "; Kubernetes sets this for a Service of that name: rename it, or set enableServiceLinks to false in the pod"
    : "";
}
