import { CableError } from "../errors.ts";
import type { Settings } from "./layers.ts";
import { isSameValue, type Option } from "./option.ts";
import { options } from "./schema.ts";
import { showValue } from "./value.ts";

/**
 * Refuses what asks for a part that this version does not have, in one line for all of it.
 * @throws {CableError} `config.not_built`
 */
export function refuseNotBuilt(settings: Settings): void {
  const refusals = whatIsNotBuilt(settings).map(({ sentence }) => sentence);
  if (refusals.length === 0) return;
  throw new CableError("config.not_built", `${refusals.join(", ")}: this version does not have that; remove it to start`);
}

/** Each value that asks for a part which this version does not have, with the beginning of a sentence about it. */
export function whatIsNotBuilt(settings: Settings): readonly { readonly option: string; readonly sentence: string }[] {
  return options.flatMap((option) => refusalsOf(option, settings).map((sentence) => ({ option: option.name, sentence })));
}

/** Says which options change nothing here. */
export function notesOnIdleOptions(settings: Settings): readonly string[] {
  const changed = options.filter((option) => !isSameValue(settings.value(option.name), option.default));
  const idle = changed.filter((option) => option.class === "no-effect");
  const details = changed.filter((option) => option.isDetail && !(option.isSecret && isTheSecret(option, settings)));
  const names = (found: readonly Option[]): string => found.map((option) => option.name).join(", ");
  return [
    ...(idle.length === 0 ? [] : [`These options have no effect here: ${names(idle)}`]),
    ...(details.length === 0 ? [] : [`These options belong to parts that are not built yet, and have no effect: ${names(details)}`]),
  ];
}

function refusalsOf(option: Option, settings: Settings): readonly string[] {
  const { value, origin } = settings.get(option.name);
  const shown = option.isSecret || typeof value === "boolean" ? "" : `=${showValue(option, value)}`;
  const isHarmless = option.class !== "not-built" || option.isDetail || option.deprecated || isSameValue(option.default, value);
  return isHarmless ? [] : [`${origin}${shown} asks for ${option.part}`];
}

/** AnyCable's --print-config writes the secret wherever it serves as the default. */
function isTheSecret(option: Option, settings: Settings): boolean {
  return settings.value(option.name) === settings.value("secret");
}
