import { classNames, hasFlag, variablesOf, type Option, type OptionGroup } from "../../src/config/option.ts";
import { configPaths } from "../../src/config/load.ts";
import { optionGroups } from "../../src/config/schema.ts";
import { showValue } from "../../src/config/value.ts";
import { code, generatedNote, table } from "./table.ts";

/** The text of `docs/reference/options.md`, from the schema. */
export function renderOptions(): string {
  return `${["# Options", generatedNote, introduction, ...optionGroups.map(renderGroup)].join("\n\n")}\n`;
}

const introduction = `Each option can be given in four places; the later wins: its default, the configuration file, a variable, a flag. Presets (\`--presets\`) change defaults.
\`ropeway config check\` prints what all of it comes to, where each value comes from, and what is wrong, unsafe, deprecated or without effect.

- **Flags** take one dash or two, and \`-\` and \`_\` are alike inside a name: \`--max-conn 10\`, \`-max_conn=10\`. A boolean is \`--noauth\` or
  \`--noauth=false\`. Of one flag given twice the last counts.
- **Variables** that begin with \`ANYCABLE_\` may begin with \`ROPEWAY_\` as well; that one wins if both are set, and both win over a bare one such as
  \`PORT\`. An empty variable counts as none, except where the table says so. Unknown \`ANYCABLE_\` variables are ignored, because the Ruby gems use the
  prefix too; a near miss is named in the log.
- **The file** is TOML: the first that exists of ${configPaths.map(code).join(", ")}, or the one that \`--config-path\`
  names. Lists are arrays, or text with commas.

An unknown flag or key, a value that can't be, or two spellings of one option that disagree stop the start with one line that names them. What AnyCable's
\`--print-config\` prints loads as it is, unless it asks for something that is not built.

The class says what this version does with an option:

- **works**
- **no effect**: accepted, because AnyCable has it, and noted in the log; there is nothing here that it could tune.
- **not built**: belongs to a part that this version doesn't have. A value that switches the part on stops the start; an option that only tunes it
  (*detail*) is accepted and noted.
- **deprecated**: an old name, which works and warns.`;

function renderGroup({ title, options }: OptionGroup): string {
  return `## ${title}\n\n${table(["Flag", "Variable", "File", "Default", "Unit", "Class", "Meaning"], options.map(cells))}`;
}

function cells(option: Option): readonly string[] {
  const names = hasFlag(option) ? [option.name, ...(option.aliases ?? [])] : [];
  const variables = variablesOf(option).filter((name) => option.isOwn || !name.startsWith("ROPEWAY_"));
  return [
    names.map((name) => code(name.length === 1 ? `-${name}` : `--${name}`)).join(" "),
    variables.map(code).join(" "),
    [option.toml, ...(option.tomlAliases ?? [])].flatMap((key) => (key === undefined ? [] : code(key))).join(" "),
    defaultOf(option),
    option.unit ?? "",
    classOf(option),
    meaningOf(option),
  ];
}

function defaultOf(option: Option): string {
  const shown = showValue(option, option.default);
  return shown === "" ? "" : code(shown);
}

function classOf(option: Option): string {
  if (option.deprecated !== undefined) return "deprecated";
  return option.isDetail ? `${classNames[option.class]} *(detail)*` : classNames[option.class];
}

function meaningOf(option: Option): string {
  const { text, advice, isEmptyMeaningful } = option;
  return [text, advice, isEmptyMeaningful ? "An empty variable counts." : undefined].filter((sentence) => sentence !== undefined).join(" ");
}
