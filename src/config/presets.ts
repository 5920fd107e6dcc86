import { CableError } from "../errors.ts";
import { hasRedis } from "./derive-broker.ts";
import type { Environment } from "./environment.ts";
import type { Layer, Settings } from "./layers.ts";
import { variablesOf, type OptionValue } from "./option.ts";
import { optionByName } from "./schema.ts";

/** What presets say: values a little stronger than the defaults, and sentences about them for the log. */
export interface Presets {
  readonly names: readonly PresetName[];
  readonly layer: Layer;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
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
export function presetsFor(settings: Settings, env: Environment): Presets {
  const names = namesOf(settings, env);
  const layer: Layer = new Map();
  const warnings: string[] = [];
  const set = (preset: PresetName, name: string, value: OptionValue): void => {
    if (!layer.has(name)) layer.set(name, { value, source: "preset", origin: `preset ${preset}` });
  };
  for (const name of names) {
    if (name === "heroku") set(name, "host", "0.0.0.0");
    else if (name === "broker") applyBroker(settings, (option, value) => set(name, option, value));
    else applyFly(settings, env, { set: (option, value) => set(name, option, value), warn: (sentence) => warnings.push(sentence) });
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
function applyBroker(settings: Settings, set: Host["set"]): void {
  const isNats = settings.flag("embed_nats");
  set("broker", isNats ? "nats" : "memory");
  set("broadcast_adapter", isNats ? ["http", "nats"] : hasRedis(settings) ? ["http", "redisx", "redis"] : ["http"]);
  if (isNats) set("pubsub", "nats");
}

interface Host {
  readonly set: (option: string, value: OptionValue) => void;
  readonly warn: (sentence: string) => void;
}

function applyFly(settings: Settings, env: Environment, { set, warn }: Host): void {
  const region = needed("FLY_REGION", settings, env);
  needed("FLY_APP_NAME", settings, env);
  // Apps of an organization reach each other over IPv6 alone, and there `::` takes IPv4 as well.
  set("host", env["FLY_PRIVATE_IP"]?.includes(":") ? "::" : "0.0.0.0");

  const application = settings.text("fly_rpc_app_name");
  if (application !== "") set("rpc_host", `dns:///${region}.${application}.internal:50051`);
  else if (env[misnamed]) warn(`${misnamed} is ignored, as in AnyCable, whose guide misspells it; did you mean ${rightlyNamed}?`);

  if (hasRedis(settings) || settings.isGiven("broadcast_adapter")) return;
  set("broadcast_adapter", ["http"]);
  // With its own NATS, AnyCable would pass them on to the other machines, and take them over NATS too.
  if (settings.isGiven("pubsub")) return;
  warn(
    "On Fly without Redis publications are taken over HTTP alone and reach the clients of the machine that takes them, because embedded NATS is not built yet: set REDIS_URL, or run one machine",
  );
}

const misnamed = "FLY_ANYCABLE_RPC_APP_NAME";
const rightlyNamed = variablesOf(optionByName.get("fly_rpc_app_name")!).at(-1)!;

function needed(variable: string, settings: Settings, env: Environment): string {
  const value = env[variable];
  if (value !== undefined && value !== "") return value;
  throw new CableError("config.invalid_value", `${settings.get("presets").origin} asks for fly, which needs ${variable}: it is not set`);
}
