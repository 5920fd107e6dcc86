import { hasFlag, variablesOf, type Option, type OptionGroup } from "./option.ts";
import { apiOptions } from "./schema/api.ts";
import { jwtOptions, streamsOptions } from "./schema/access.ts";
import { broadcastingOptions } from "./schema/broadcasting.ts";
import { brokerOptions } from "./schema/broker.ts";
import { commandOptions } from "./schema/commands.ts";
import { environmentOptions } from "./schema/environment.ts";
import { limitOptions } from "./schema/limits.ts";
import { embeddedNatsOptions, natsOptions } from "./schema/nats.ts";
import { logOptions, metricsOptions, tracingOptions } from "./schema/observability.ts";
import { proOptions } from "./schema/pro.ts";
import { redisOptions } from "./schema/redis.ts";
import { disconnectOptions, rpcOptions } from "./schema/rpc.ts";
import { serverOptions } from "./schema/server.ts";
import { transportsOptions } from "./schema/transports.ts";
import { pingOptions, websocketOptions } from "./schema/websocket.ts";

/** All options, in the order of help and reference page. The only list. */
export const optionGroups: readonly OptionGroup[] = [
  commandOptions,
  serverOptions,
  broadcastingOptions,
  apiOptions,
  brokerOptions,
  redisOptions,
  natsOptions,
  embeddedNatsOptions,
  rpcOptions,
  disconnectOptions,
  websocketOptions,
  pingOptions,
  limitOptions,
  streamsOptions,
  logOptions,
  metricsOptions,
  tracingOptions,
  jwtOptions,
  transportsOptions,
  proOptions,
  environmentOptions,
];

export const options: readonly Option[] = optionGroups.flatMap((group) => group.options);

/** `-` and `_` are alike in flags, and case is not looked at in keys of a file. */
export function normalFlag(name: string): string {
  return name.replaceAll("-", "_");
}

export const optionByName: ReadonlyMap<string, Option> = new Map(options.map((option) => [option.name, option]));

export const optionByFlag: ReadonlyMap<string, Option> = new Map(
  options
    .filter(hasFlag)
    .flatMap((option) => [option.name, ...(option.aliases ?? [])].map((name): [string, Option] => [normalFlag(name), option])),
);

export const optionByVariable: ReadonlyMap<string, Option> = new Map(
  options.flatMap((option) => variablesOf(option).map((name): [string, Option] => [name, option])),
);

export const optionByKey: ReadonlyMap<string, Option> = new Map(
  options.flatMap((option) =>
    [option.toml, ...(option.tomlAliases ?? [])].filter((key) => key !== undefined).map((key): [string, Option] => [key, option]),
  ),
);

/** Every table of the configuration file that a key stands in, and the tables around those. */
export const tables: ReadonlySet<string> = new Set(
  [...optionByKey.keys()].flatMap((key) => {
    const names = key.split(".").slice(0, -1);
    return names.map((_name, index) => names.slice(0, index + 1).join("."));
  }),
);
