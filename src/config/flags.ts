import { CableError } from "../errors.ts";
import type { Layer } from "./layers.ts";
import { endAtFirst, type Fail } from "./faults.ts";
import { nearest } from "./nearest.ts";
import type { Option } from "./option.ts";
import { normalFlag, optionByFlag } from "./schema.ts";
import { describeType, readText } from "./value.ts";

/**
 * Reads the command line. `-x` and `--x` are the same, `-` and `_` inside a name too; a value follows after `=` or as the next argument, which
 * a boolean never takes. The last of several wins, as scripts that append their own expect. Nothing after `--help` or `--version` is looked at.
 * `fail` hears `config.unknown_option` and `config.invalid_value`.
 */
export function readFlags(argv: readonly string[], fail: Fail = endAtFirst): Layer {
  const layer: Layer = new Map();
  let previous: Option | undefined;
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/su.exec(argument);
    if (match === null) {
      fail(stray(argument, previous));
      continue;
    }
    const written = match[1]!;
    const option = optionByFlag.get(normalFlag(written));
    if (option === undefined) {
      fail(unknownFlag(written));
      continue;
    }
    const origin = `--${option.name}`;
    let text = match[2];
    if (text === undefined) {
      if (option.type === "boolean") text = "true";
      else if (index + 1 < argv.length) text = argv[++index]!;
      else {
        fail(new CableError("config.invalid_value", `${origin} needs a value: ${describeType(option)}`));
        break;
      }
    }
    const reading = readText(option, text);
    previous = option;
    if ("problem" in reading) {
      fail(new CableError("config.invalid_value", `${origin} ${reading.problem}`));
      continue;
    }
    layer.set(option.name, { value: reading.value, source: "flag", origin });
    if (option.name === "help" || option.name === "version") return layer;
  }
  return layer;
}

function unknownFlag(written: string): CableError {
  const guess = nearest(normalFlag(written), optionByFlag.keys());
  const meant = guess === undefined ? "see --help" : `did you mean --${optionByFlag.get(guess)!.name}?`;
  return new CableError("config.unknown_option", `unknown flag --${written}; ${meant}`);
}

/** An argument that is no flag. It is not repeated after a flag with a secret: it may be a part of that. */
function stray(argument: string, previous: Option | undefined): CableError {
  const where = previous === undefined ? "" : ` after --${previous.name}`;
  const shown = previous?.isSecret ? "" : ` ${JSON.stringify(argument)}`;
  const hint = previous?.type === "boolean" ? `; a value is written --${previous.name}=false` : "; see --help";
  return new CableError("config.unknown_option", `unexpected argument${shown}${where}${hint}`);
}
