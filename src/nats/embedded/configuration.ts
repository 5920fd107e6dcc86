import { hostname } from "node:os";
import type { EmbeddedNatsOptions, NatsListen } from "./options.ts";

type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value | undefined };

/** The text of a configuration file for nats-server. `storeDir`: where JetStream keeps its files, if it is on. */
export function natsConfiguration(options: EmbeddedNatsOptions, storeDir: string): string {
  const { listen, cluster, gateway, jetStream, maxPayloadBytes, isDebug, isTrace } = options;
  return valueText({
    server_name: serverNameOf(options),
    ...listening(listen),
    // Our own log has the time.
    logtime: false,
    debug: isDebug,
    trace: isTrace,
    max_payload: maxPayloadBytes > 0 ? maxPayloadBytes : undefined,
    jetstream: jetStream && { store_dir: storeDir },
    cluster: cluster && { name: cluster.name, ...listening(cluster.listen), routes: cluster.routes },
    gateway: gateway && { name: gateway.name, ...listening(gateway.listen), advertise: gateway.advertise, gateways: gateway.remotes },
  });
}

/**
 * One that nobody gave is the same at each start: to JetStream's cluster a server of another name is another server, and it goes on
 * counting those that never come back.
 */
export function serverNameOf({ serverName, listen }: EmbeddedNatsOptions): string {
  return serverName ?? `${hostname()}-${listen.port}`.replaceAll(/[^\w-]+/gu, "-");
}

function listening({ host, port, login }: NatsListen): { readonly [name: string]: Value | undefined } {
  return { host, port, authorization: login };
}

/** Nearly JSON, and a file may be one map: https://docs.nats.io/running-a-nats-service/configuration. */
function valueText(value: Value): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  if (isList(value)) return `[${value.map(valueText).join(", ")}]`;
  const fields = Object.entries(value).flatMap(([name, field]) => (field === undefined ? [] : [`${name}: ${valueText(field)}`]));
  return `{${fields.join("\n")}}`;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Of JSON's escapes it knows few; in return `\x0a`. Variables (`$NAME`) are none between quotes. */
function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped
  const safe = text.replaceAll(/["\\]/g, "\\$&").replaceAll(/[\u0000-\u001f]/g, (character) => `\\x${hex(character)}`);
  return `"${safe}"`;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, "0");
}
