import { CableError } from "../errors.ts";

/** Where a NATS server listens, and how to get in. */
export interface NatsEndpoint {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly login: NatsLogin | undefined;
}

export type NatsLogin = { readonly user: string; readonly password: string } | { readonly token: string };

/** What `nats_servers` says. */
export interface NatsAddress {
  readonly servers: readonly [NatsEndpoint, ...NatsEndpoint[]];
  /** For logs: without credentials. */
  readonly display: string;
}

/** What is wrong, as the end of "`NATS_SERVERS` ...". Never repeats the text: there may be a password in it. */
export interface NatsAddressProblem {
  readonly problem: string;
}

/** The address, or an error. @throws {CableError} `config.invalid_value` */
export function natsAddress(servers: readonly string[]): NatsAddress {
  const address = readNatsAddress(servers);
  if ("problem" in address) throw new CableError("config.invalid_value", `The option nats_servers ${address.problem}`);
  return address;
}

/**
 * Reads URLs as nats.go does, which AnyCable 1.6.16 uses: without a scheme it is `nats://`, `tls://` is TLS to all of them, a user without
 * a password is a token, and each text may be a comma list. Servers without credentials of their own are shown those of the first that has
 * some.
 */
export function readNatsAddress(texts: readonly string[]): NatsAddress | NatsAddressProblem {
  try {
    const parts = texts.flatMap((text) => text.split(",")).map((part) => part.trim());
    const read = parts.filter((part) => part !== "").map(readOne);
    const isTls = read.some((server) => server.isTls);
    const login = read.find((server) => server.login !== undefined)?.login;
    const [first, ...others] = read.map((server) => ({ ...server, isTls, login: server.login ?? login }));
    if (first === undefined) throw new Unreadable("names no server");
    const servers = [first, ...others] as const;
    return { servers, display: servers.map(urlOf).join(",") };
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.message };
    throw error;
  }
}

/** `host:port` */
export function placeOf({ host, port }: Pick<NatsEndpoint, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A server that another one told of, as `host:port`; undefined when that can't be read. */
export function toldEndpoint(text: string, teller: NatsEndpoint): NatsEndpoint | undefined {
  const url = URL.canParse(`nats://${text}`) ? new URL(`nats://${text}`) : undefined;
  return url === undefined || url.hostname === "" ? undefined : { ...teller, ...hostOf(url) };
}

class Unreadable extends Error {}

const tlsOfScheme: ReadonlyMap<string, boolean> = new Map([
  ["nats", false],
  ["tls", true],
]);

function readOne(text: string): NatsEndpoint {
  const full = text.includes("://") ? text : `nats://${text}`;
  const scheme = full.slice(0, full.indexOf("://"));
  const isTls = tlsOfScheme.get(scheme.toLowerCase());
  // A password may hold "://" too: what is no name is not repeated.
  if (isTls === undefined) throw new Unreadable(`has ${unknownScheme(scheme)}; nats:// and tls:// are known`);
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new Unreadable("has what is no URL such as nats://user:password@host:4222; odd characters in a password are written like %23");
  }
  return { ...hostOf(url), isTls, login: loginOf(url) };
}

function hostOf({ hostname, port }: URL): Pick<NatsEndpoint, "host" | "port"> {
  return { host: hostname.replace(/^\[(.*)\]$/s, "$1"), port: port === "" ? 4222 : Number(port) };
}

function loginOf({ username, password }: URL): NatsLogin | undefined {
  if (username === "" && password === "") return undefined;
  return password === "" ? { token: decoded(username) } : { user: decoded(username), password: decoded(password) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Unreadable("has a stray %; write it as %25");
  }
}

function unknownScheme(scheme: string): string {
  return /^[a-z][a-z0-9+.-]{0,20}$/i.test(scheme) ? `the scheme ${JSON.stringify(scheme)}` : "an unknown scheme";
}

function urlOf(server: NatsEndpoint): string {
  return `${server.isTls ? "tls" : "nats"}://${placeOf(server)}`;
}
