import { parse, TomlError } from "smol-toml";
import { CableError, messageOf } from "../errors.ts";
import { attempt, endAtFirst, type Fail } from "./faults.ts";
import { give, type Layer } from "./layers.ts";
import { nearest } from "./nearest.ts";
import { optionByKey, tables } from "./schema.ts";
import { isTable, readToml } from "./value.ts";

/**
 * Reads the text of a TOML file; `path` is for messages. Keys are AnyCable's, whose parser does not look at case.
 * `fail` hears `config.unreadable_file`, `config.unknown_option` and `config.invalid_value`.
 */
export function readConfigText(text: string, path: string, fail: Fail = endAtFirst): Layer {
  const layer: Layer = new Map();
  const table = attempt(() => parseToml(text, path), fail);
  if (table !== undefined) readTable(table, [], { layer, path, fail });
  return layer;
}

function parseToml(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { integersAsBigInt: "asNeeded", unsafeKeyBehaviour: "keep" });
  } catch (error) {
    // The parser's message goes on with the lines around the fault, which may hold a secret.
    const fault = messageOf(error).split("\n", 1)[0]!;
    const where = error instanceof TomlError ? ` line ${error.line}, column ${error.column}` : "";
    throw new CableError("config.unreadable_file", `${path}${where}: ${fault}`);
  }
}

function readTable(
  table: Readonly<Record<string, unknown>>,
  parents: readonly string[],
  into: { readonly layer: Layer; readonly path: string; readonly fail: Fail },
): void {
  for (const [name, value] of Object.entries(table)) {
    const names = [...parents, name];
    // A quoted name with a dot in it is no path.
    const key = name.includes(".") ? undefined : names.join(".").toLowerCase();
    const option = key === undefined ? undefined : optionByKey.get(key);
    if (option !== undefined) {
      const reading = readToml(option, value);
      const origin = `${names.join(".")} in ${into.path}`;
      if ("problem" in reading) into.fail(new CableError("config.invalid_value", `${origin} ${reading.problem}`));
      else attempt(() => give(into.layer, option, { value: reading.value, source: "file", origin }), into.fail);
    } else if (key !== undefined && tables.has(key)) {
      if (isTable(value)) readTable(value, names, into);
      else into.fail(new CableError("config.invalid_value", `${names.join(".")} in ${into.path} is a table, not a value: [${key}]`));
    } else {
      into.fail(unknownKey(names.join("."), isTable(value), into.path));
    }
  }
}

function unknownKey(key: string, isTableOfKeys: boolean, path: string): CableError {
  const guess = nearest(key.toLowerCase(), isTableOfKeys ? tables : optionByKey.keys());
  const what = isTableOfKeys ? `unknown table [${key}]` : `unknown key ${key}`;
  const meant = guess === undefined ? "" : `; did you mean ${isTableOfKeys ? `[${guess}]` : guess}?`;
  return new CableError("config.unknown_option", `${what} in ${path}${meant}`);
}
