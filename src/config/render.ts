import { stringify } from "smol-toml";
import type { Settings } from "./layers.ts";
import { isRows, isTags, type Option, type OptionValue, type Row, type Tags } from "./option.ts";
import { options } from "./schema.ts";

/**
 * The settings as a TOML file that loads back to the same configuration. What was set is written out, secrets and passwords as they are;
 * what was not is a comment with the default, so that the file says no more than the operator did.
 */
export function renderConfig(settings: Settings): string {
  const tables = new Map<string, string[]>();
  for (const option of options) {
    const isShown =
      option.toml !== undefined && option.deprecated === undefined && (option.class === "works" || settings.isGiven(option.name));
    if (!isShown) continue;
    const [table, key] = splitKey(option.toml!);
    const lines = tables.get(table) ?? [];
    tables.set(table, lines);
    lines.push(...renderOption(option, key, settings));
  }
  // Keys without a table stand before the first one.
  const [top, rest] = [tables.get("") ?? [], [...tables].filter(([table]) => table !== "")];
  const head = ["# Ropeway's configuration. What is commented out has its default.", "", ...top];
  return [...head, ...rest.flatMap(([table, lines]) => [`[${table}]`, ...lines])].join("\n").trimEnd();
}

function renderOption(option: Option, key: string, settings: Settings): readonly string[] {
  const line = `${key} = ${renderValue(settings.value(option.name))}`;
  return [`# ${option.text}`, settings.isGiven(option.name) ? line : `# ${line}`, ""];
}

function splitKey(path: string): readonly [table: string, key: string] {
  const dot = path.indexOf(".");
  return dot < 0 ? ["", path] : [path.slice(0, dot), path.slice(dot + 1)];
}

function renderValue(value: OptionValue): string {
  if (isTags(value)) return inlineTable(value);
  // In line too: what follows a [[table]] would belong to it.
  if (isRows(value) && value.length > 0) return `[\n${value.map((row) => `  ${inlineTable(row)},\n`).join("")}]`;
  return assigned(value).replace(/^value = /u, "");
}

function inlineTable(entries: Tags | Row): string {
  const pairs = Object.entries(entries).map((entry) => stringify(Object.fromEntries([entry])).trim());
  return `{ ${pairs.join(", ")} }`;
}

function assigned(value: Exclude<OptionValue, Tags>): string {
  return stringify({ value: typeof value === "object" ? [...value] : value }).trim();
}
