import { hasFlag, isSameValue, variablesOf, type Option } from "../config/option.ts";
import { optionGroups, options } from "../config/schema.ts";
import { showValue } from "../config/value.ts";

/** What `--help` prints, without the last line break: the flags that work, each with its variable; the rest by name alone. */
export function renderHelp(): string {
  const sections = optionGroups.flatMap((group) => {
    const flags = group.options.filter((option) => hasFlag(option) && option.class === "works" && option.deprecated === undefined);
    return flags.length === 0 ? [] : [`${group.title}:\n${flags.map(renderFlag).join("\n")}`];
  });
  const names = (wanted: Option["class"]): string =>
    options
      .filter((option) => hasFlag(option) && option.class === wanted && option.deprecated === undefined)
      .map((option) => option.name)
      .join(", ");
  return [
    "Ropeway, a real-time server for Action Cable and AnyCable applications.",
    "Usage: ropeway [--flag value]...\n       ropeway config check [--all] [--json] [--flag value]...   (what the configuration means)",
    wrap(
      "Flags take - or --, and - or _ inside a name. Each has a variable, ROPEWAY_X or ANYCABLE_X, and a key in ropeway.toml or anycable.toml. A flag wins over a variable, a variable over the file.",
      "",
    ),
    ...sections,
    `Accepted, without effect:\n${wrap(names("no-effect"), "  ")}`,
    `Not built yet (what switches them on is refused):\n${wrap(names("not-built"), "  ")}`,
  ].join("\n\n");
}

const width = 100;
const textColumn = 34;

function renderFlag(option: Option): string {
  const flag = `  --${option.name}${option.type === "boolean" ? "" : " value"}`;
  const variables = variablesOf(option).filter((name) => option.isOwn || !name.startsWith("ROPEWAY_"));
  const extras = [
    ...(option.unit === undefined || option.unit === "1/s" ? [] : [`in ${option.unit}`]),
    ...(isPlain(option) ? [] : [`default ${showValue(option, option.default)}`]),
    ...(variables.length === 0 ? [] : [variables.map((name) => `$${name}`).join(", ")]),
  ];
  const text = wrap(`${option.text.replaceAll("`", "")}${extras.length === 0 ? "" : ` [${extras.join("; ")}]`}`, " ".repeat(textColumn));
  return flag.length < textColumn - 1 ? flag + text.slice(flag.length) : `${flag}\n${text}`;
}

/** A default that goes without saying. */
function isPlain(option: Option): boolean {
  return ["", false, []].some((plain) => isSameValue(plain, option.default)) || option.type === "tags";
}

function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line].join("\n");
}
