import { CableError } from "../errors.ts";
import { readNatsAddress } from "../nats/address.ts";
import { readListenAddress, readNatsUrl, type ListenAddress } from "./addresses.ts";
import type { Config, EmbeddedNats } from "./config.ts";
import type { DeriveOptions } from "./derive.ts";
import { pubsubAdapter } from "./derive-broker.ts";
import type { Settings } from "./layers.ts";
import { isSameValue } from "./option.ts";

/** @throws {CableError} `config.invalid_value`; not when nothing uses NATS. */
export function deriveNats({ settings }: DeriveOptions, embedded: EmbeddedNats | undefined): Config["nats"] {
  const isRequired =
    pubsubAdapter(settings) === "nats" || settings.text("broker") === "nats" || settings.list("broadcast_adapter").includes("nats");
  // AnyCable prints the address of the embedded server as that of the servers.
  const given = settings.list("nats_servers");
  const isOwn = embedded !== undefined && (!settings.isChanged("nats_servers") || isSameValue(given, [settings.text("enats_addr")]));
  const servers = isOwn ? [addressOf(embedded)] : given;
  if (isRequired) {
    const { origin } = settings.get("nats_servers");
    for (const address of [...servers.map(readNatsUrl), readNatsAddress(servers)]) {
      if ("problem" in address) throw new CableError("config.invalid_value", `${origin} ${address.problem}`);
    }
  }
  return {
    servers,
    isRandomized: !settings.flag("nats_dont_randomize_servers"),
    prefix: settings.text("nats_prefix"),
    replicas: settings.number("nats_replicas"),
    isRequired,
  };
}

/** Where we reach it ourselves. */
function addressOf({ listen: { host, port, login } }: EmbeddedNats): string {
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const shown = login === undefined ? [] : "token" in login ? [login.token] : [login.user, login.password];
  const credentials = shown.length === 0 ? "" : `${shown.map(encodeURIComponent).join(":")}@`;
  return `nats://${credentials}${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}

/** @throws {CableError} `config.invalid_value`, `config.missing_program` */
export function deriveEmbeddedNats({ settings, findProgram }: DeriveOptions): EmbeddedNats | undefined {
  if (!settings.flag("embed_nats")) return undefined;
  const name = settings.text("enats_cluster_name");
  const cluster = addressIn(settings, "enats_cluster");
  const gateway = addressIn(settings, "enats_gateway");
  const listen = addressIn(settings, "enats_addr");
  if (listen === undefined) throw new CableError("config.invalid_value", `${settings.get("enats_addr").origin} can't be empty`);
  if ((cluster ?? gateway) !== undefined && name === "") {
    throw new CableError(
      "config.invalid_value",
      `${settings.get("enats_cluster_name").origin} can't be empty: members of a cluster know each other by it`,
    );
  }
  refuseSharedPorts(settings);
  return {
    binary: program(settings, findProgram),
    serverName: settings.text("enats_server_name") || undefined,
    listen,
    cluster: cluster && {
      name,
      listen: cluster,
      routes: settings.list("enats_cluster_routes").map((text) => urlIn(settings, "enats_cluster_routes", text)),
    },
    gateway: gateway && {
      name,
      listen: gateway,
      advertise: advertised(settings),
      remotes: settings.list("enats_gateways").map((text) => remoteIn(settings, text)),
    },
    jetStream:
      settings.text("broker") === "nats" || settings.flag("embedded_nats.jetstream")
        ? {
            storeDir: settings.text("enats_store_dir") || undefined,
            readyTimeoutMs: settings.number("embedded_nats.jetstream_ready_timeout") * 1000,
          }
        : undefined,
    maxPayloadBytes: settings.number("enats_max_payload"),
    isDebug: settings.flag("enats_debug"),
    isTrace: settings.flag("enats_trace"),
  };
}

/** Two listeners can't share a port, unless each has an address of its own. */
function refuseSharedPorts(settings: Settings): void {
  const taken: { readonly option: string; readonly host: string; readonly port: number }[] = [];
  for (const option of ["enats_addr", "enats_cluster", "enats_gateway"]) {
    const address = addressIn(settings, option);
    if (address === undefined) continue;
    const isEvery = (host: string): boolean => host === "0.0.0.0" || host === "::";
    const other = taken.find(
      ({ host, port }) => port === address.port && (host === address.host || isEvery(host) || isEvery(address.host)),
    );
    if (other !== undefined) {
      const [one, two] = [settings.get(option).origin, settings.get(other.option).origin];
      throw new CableError(
        "config.invalid_value",
        `${one} and ${other.option} (${two}) are both port ${address.port}: the embedded server needs one for each`,
      );
    }
    taken.push({ option, ...address });
  }
}

function program(settings: Settings, findProgram: DeriveOptions["findProgram"]): string {
  const name = settings.text("enats_binary");
  const path = findProgram(name);
  if (path !== undefined) return path;
  const { origin } = settings.get("embed_nats");
  throw new CableError(
    "config.missing_program",
    `${origin} asks for a NATS server, and there is no program ${name}${name.includes("/") ? "" : " on the PATH"}: install it (apt-get install nats-server, ` +
      "brew install nats-server, https://nats.io/download) or name it with enats_binary; or remove embed_nats, and name a NATS server in nats_servers",
  );
}

function addressIn(settings: Settings, option: string): ListenAddress | undefined {
  const text = settings.text(option);
  if (text === "") return undefined;
  const address = readListenAddress(text);
  if ("problem" in address) throw new CableError("config.invalid_value", `${settings.get(option).origin} ${address.problem}`);
  if (option !== "enats_addr" && address.login !== undefined && "token" in address.login) {
    throw new CableError(
      "config.invalid_value",
      `${settings.get(option).origin} has a user without a password: servers show each other both`,
    );
  }
  return address;
}

function urlIn(settings: Settings, option: string, text: string): string {
  const url = readNatsUrl(text);
  if ("problem" in url) throw new CableError("config.invalid_value", `${settings.get(option).origin} ${url.problem}`);
  return url.url;
}

function advertised(settings: Settings): string | undefined {
  const address = addressIn(settings, "enats_gateway_advertise");
  if (address?.login !== undefined) {
    throw new CableError(
      "config.invalid_value",
      `${settings.get("enats_gateway_advertise").origin} is told to others, so it has no user or password`,
    );
  }
  return address && `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

/** `name:url,url` */
function remoteIn(settings: Settings, text: string): { readonly name: string; readonly urls: readonly string[] } {
  const [, name, urls] = /^\s*([^:\s]+?)\s*:(?!\/\/)\s*(.+)$/su.exec(text) ?? [];
  if (name === undefined || urls === undefined) {
    const { origin } = settings.get("enats_gateways");
    throw new CableError("config.invalid_value", `${origin} has an item that is not name:nats://host:port,nats://host:port`);
  }
  return { name, urls: urls.split(",").map((url) => urlIn(settings, "enats_gateways", url)) };
}
