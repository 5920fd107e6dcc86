import { CableError } from "../errors.ts";
import { hasRedis } from "./derive-broker.ts";
import type { Environment } from "./environment.ts";
import type { Settings } from "./layers.ts";
import { variablesOf, type OptionValue } from "./option.ts";
import type { Surroundings } from "./presets.ts";
import { optionByName } from "./schema.ts";

interface Host {
  readonly set: (option: string, value: OptionValue) => void;
  readonly warn: (sentence: string) => void;
}

/** Defaults on Fly. @throws {CableError} `config.invalid_value` when a variable of Fly is not there. */
export function applyFly(settings: Settings, { env, findProgram }: Surroundings, { set, warn }: Host): void {
  const region = needed("FLY_REGION", settings, env);
  const app = needed("FLY_APP_NAME", settings, env);
  // Apps of an organization reach each other over IPv6 alone, and there `::` takes IPv4 as well.
  set("host", env["FLY_PRIVATE_IP"]?.includes(":") ? "::" : "0.0.0.0");

  const application = settings.text("fly_rpc_app_name");
  if (application !== "") set("rpc_host", `dns:///${region}.${application}.internal:50051`);
  else if (env[misnamed]) warn(`${misnamed} is ignored, as in AnyCable, whose guide misspells it; did you mean ${rightlyNamed}?`);

  if (connectsByItself(settings, findProgram, { set, warn })) nameEmbeddedNats({ region, app, machine: env["FLY_ALLOC_ID"] }, set);
}

/** How machines reach each other when the operator does not say. Answers whether there is an embedded NATS server then. */
function connectsByItself(settings: Settings, findProgram: Surroundings["findProgram"], { set, warn }: Host): boolean {
  const isAsked = settings.flag("embed_nats");
  if (hasRedis(settings)) return isAsked;
  if (settings.isChanged("pubsub")) {
    set("broadcast_adapter", ["http"]);
    return isAsked;
  }
  const isElsewhere = settings.isChanged("nats_servers");
  const canEmbed = !isElsewhere && !settings.isGiven("embed_nats") && findProgram(settings.text("enats_binary")) !== undefined;
  if (!isAsked && !isElsewhere && !canEmbed) {
    set("broadcast_adapter", ["http"]);
    if (!settings.isChanged("broadcast_adapter")) warn(alone(settings));
    return false;
  }
  if (canEmbed) set("embed_nats", true);
  set("pubsub", "nats");
  set("broadcast_adapter", ["http", "nats"]);
  return isAsked || canEmbed;
}

function alone(settings: Settings): string {
  const why = settings.isGiven("embed_nats") ? "embed_nats is off" : `there is no ${settings.text("enats_binary")} to embed`;
  return `On Fly without Redis and NATS publications reach the clients of the machine that takes them alone (${why}): put nats-server into the image, set REDIS_URL, or run one machine`;
}

/**
 * As in AnyCable, but for the name, which has no random part: a server that comes back under another name is, for JetStream, one more that
 * is missing.
 */
function nameEmbeddedNats(
  { region, app, machine }: { readonly region: string; readonly app: string; readonly machine: string | undefined },
  set: Host["set"],
): void {
  if (machine) set("enats_server_name", `fly-${region}-${machine}`);
  set("enats_addr", "nats://0.0.0.0:4222");
  set("enats_cluster", "nats://0.0.0.0:5222");
  set("enats_cluster_name", `${app}-${region}-cluster`);
  set("enats_cluster_routes", [`nats://${region}.${app}.internal:5222`]);
  set("enats_gateway_advertise", `${region}.${app}.internal:7222`);
}

const misnamed = "FLY_ANYCABLE_RPC_APP_NAME";
const rightlyNamed = variablesOf(optionByName.get("fly_rpc_app_name")!).at(-1)!;

function needed(variable: string, settings: Settings, env: Environment): string {
  const value = env[variable];
  if (value !== undefined && value !== "") return value;
  throw new CableError("config.invalid_value", `${settings.get("presets").origin} asks for fly, which needs ${variable}: it is not set`);
}
