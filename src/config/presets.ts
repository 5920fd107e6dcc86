import { hasRedis } from "./derive-broker.ts";
import type { Environment } from "./environment.ts";
import type { Layer, Settings } from "./layers.ts";
import type { OptionValue } from "./option.ts";
import { applyFly } from "./presets-fly.ts";

/** What presets say: values a little stronger than the defaults, and sentences about them for the log. */
export interface Presets {
  readonly names: readonly PresetName[];
  readonly layer: Layer;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

/** What presets look at besides the settings. */
export interface Surroundings {
  readonly env: Environment;
  readonly findProgram: (name: string) => string | undefined;
}

type PresetName = "fly" | "heroku" | "broker";

/**
 * Defaults for a host: those of the presets that were asked for, or of the host that the environment looks like. Whatever an operator set
 * himself is stronger. `settings` are the settings without presets.
 *
 * AnyCable's presets also put publications over HTTP on the main port. Here they are there already when a key protects them
 * (`http_broadcast_port`), and must not be when none does.
 * @throws {CableError} `config.invalid_value` when a preset that was named needs a variable which is not there.
 */
export function presetsFor(settings: Settings, around: Surroundings): Presets {
  const names = namesOf(settings, around.env);
  const layer: Layer = new Map();
  const warnings: string[] = [];
  const set = (preset: PresetName, name: string, value: OptionValue): void => {
    if (!layer.has(name)) layer.set(name, { value, source: "preset", origin: `preset ${preset}` });
  };
  for (const name of names) {
    const setHere = (option: string, value: OptionValue): void => set(name, option, value);
    switch (name) {
      case "heroku":
        setHere("host", "0.0.0.0");
        break;
      case "fly":
        applyFly(settings, around, { set: setHere, warn: (sentence) => warnings.push(sentence) });
        break;
      case "broker":
        applyBroker(settings, settings.flag("embed_nats") || layer.get("embed_nats")?.value === true, setHere);
        break;
    }
  }
  return { names, layer, warnings, notes: names.length === 0 ? [] : [`Loaded presets: ${names.join(", ")}`] };
}

function namesOf(settings: Settings, env: Environment): readonly PresetName[] {
  const asked = settings.list("presets");
  const isThere = (...variables: readonly string[]): boolean => variables.every((name) => env[name] !== undefined);
  const isAuto = asked.includes("auto");
  const names: PresetName[] = [];
  if (asked.includes("fly") || (isAuto && isThere("FLY_APP_NAME", "FLY_ALLOC_ID", "FLY_REGION"))) names.push("fly");
  if (asked.includes("heroku") || (isAuto && isThere("HEROKU_APP_ID", "HEROKU_DYNO_ID"))) names.push("heroku");
  if (asked.includes("broker")) names.push("broker");
  return names;
}

/** What AnyCable calls reliable streams, with whatever is there to carry them. */
function applyBroker(settings: Settings, isNats: boolean, set: (option: string, value: OptionValue) => void): void {
  set("broker", isNats ? "nats" : "memory");
  set("broadcast_adapter", isNats ? ["http", "nats"] : hasRedis(settings) ? ["http", "redisx", "redis"] : ["http"]);
  if (isNats) set("pubsub", "nats");
}
