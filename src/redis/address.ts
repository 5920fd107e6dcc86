import { CableError } from "../errors.ts";

/** Where a Redis server, or a sentinel, listens, and how to get in. */
export interface RedisEndpoint {
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** What `redis_url` and `redis_sentinels` say. */
export type RedisAddress = {
  /** For what is kept in Redis; pub/sub does not know databases. */
  readonly database: number;
  /** For logs: without credentials. */
  readonly display: string;
} & (
  | {
      readonly kind: "servers";
      /** One, or nodes of a cluster in the order given. */
      readonly servers: readonly [RedisEndpoint, ...RedisEndpoint[]];
    }
  | {
      readonly kind: "sentinels";
      readonly sentinels: readonly [RedisEndpoint, ...RedisEndpoint[]];
      readonly masterName: string;
      /** How to get in where the sentinels send us. */
      readonly master: Omit<RedisEndpoint, "at">;
    }
);

export interface RedisAddressText {
  /** `redis_url`: one URL, or a comma list of them. With sentinels its host is the name of the master. */
  readonly url: string;
  /** `redis_sentinels`: `host:port`, or URLs with the sentinels' own user and password. Default none. */
  readonly sentinels?: readonly string[];
}

/** What is wrong, as the end of "`REDIS_URL` ...". Never repeats the text: there may be a password in it. */
export interface RedisAddressProblem {
  readonly option: "redis_url" | "redis_sentinels";
  readonly problem: string;
}

/** The address, or an error for those who were not configured by an operator but by a programmer. @throws {CableError} `config.invalid_value` */
export function redisAddress(text: RedisAddressText): RedisAddress {
  const address = readRedisAddress(text);
  if ("problem" in address) throw new CableError("config.invalid_value", `The option ${address.option} ${address.problem}`);
  return address;
}

/**
 * Reads addresses as AnyCable 1.6.16 does (redis/config.go, and URLs of rueidis): without a scheme it is `redis://`, a `/` at the end says
 * nothing, `rediss://` is TLS, and user, password and database of a list come from its first URL. Three things are read better: members of
 * a list may have credentials of their own; a master's name needs no scheme in front; and `rediss://` in `redis_url` means TLS to the
 * master also where sentinels know it, so that it is TLS to both if both say so. In `redis_sentinels` alone it is, as in AnyCable, TLS to the master.
 */
export function readRedisAddress({ url, sentinels = [] }: RedisAddressText): RedisAddress | RedisAddressProblem {
  try {
    const [first, ...others] = readList(url);
    if (first === undefined) throw new Unreadable("is empty");
    const [sentinel, ...moreSentinels] = readSentinels(sentinels);
    if (sentinel !== undefined) return behindSentinels(first, [sentinel, ...moreSentinels]);
    const named = first.query.get("master_set") ?? "";
    // Its login is for the master; the sentinels ask for none.
    if (named !== "") return behindSentinels({ ...first, host: named }, [withoutLogin(first), ...others.map(withoutLogin)]);
    const at = (one: ReadUrl): RedisEndpoint => endpoint({ ...one, isTls: first.isTls }, first);
    const servers = [at(first), ...others.map(at)] as const;
    return { kind: "servers", servers, database: databaseOf(first), display: servers.map(urlOf).join(",") };
  } catch (error) {
    if (error instanceof Unreadable) return { option: error.option, problem: error.message };
    throw error;
  }
}

/** `host:port`, or the path of a socket: what may be shown. */
export function placeOf({ at }: Pick<RedisEndpoint, "at">): string {
  if ("path" in at) return at.path;
  return `${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
}

/** What was named in it. */
export function endpointsOf(address: RedisAddress): readonly RedisEndpoint[] {
  return address.kind === "sentinels" ? address.sentinels : address.servers;
}

export function hostsOf(address: RedisAddress): readonly string[] {
  return endpointsOf(address).flatMap(({ at }) => ("host" in at ? [at.host] : []));
}

function urlOf(server: RedisEndpoint): string {
  return `${"path" in server.at ? "unix" : server.isTls ? "rediss" : "redis"}://${placeOf(server)}`;
}

class Unreadable extends Error {
  option: RedisAddressProblem["option"] = "redis_url";
}

function readSentinels(texts: readonly string[]): readonly ReadUrl[] {
  try {
    return texts.flatMap(readList);
  } catch (error) {
    if (error instanceof Unreadable) error.option = "redis_sentinels";
    throw error;
  }
}

interface ReadUrl {
  readonly host: string;
  readonly port: number | undefined;
  /** Of a unix socket. */
  readonly path: string | undefined;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: string;
  readonly query: URLSearchParams;
}

function behindSentinels(master: ReadUrl, sentinels: readonly [ReadUrl, ...ReadUrl[]]): RedisAddress {
  const [first, ...others] = sentinels;
  const isTls = master.isTls && first.isTls;
  const at = (one: ReadUrl): RedisEndpoint => endpoint({ ...one, port: one.port ?? 26_379, isTls }, first);
  const endpoints = [at(first), ...others.map(at)] as const;
  const masterName = decoded(master.host);
  if (masterName === "") throw new Unreadable("names no master for the sentinels to look up");
  return {
    kind: "sentinels",
    sentinels: endpoints,
    masterName,
    master: { isTls: master.isTls || first.isTls, username: master.username, password: master.password },
    database: databaseOf(master),
    display: `${masterName} of the sentinels ${endpoints.map(placeOf).join(", ")}`,
  };
}

function withoutLogin(url: ReadUrl): ReadUrl {
  return { ...url, username: undefined, password: undefined };
}

function endpoint(url: ReadUrl, fallback: Pick<RedisEndpoint, "username" | "password">): RedisEndpoint {
  const { username, password } = url.username === undefined && url.password === undefined ? fallback : url;
  const at = url.path === undefined ? { host: url.host, port: url.port ?? 6379 } : { path: url.path };
  return { at, isTls: url.isTls && url.path === undefined, username, password };
}

function databaseOf({ database, query }: ReadUrl): number {
  const text = query.get("db") ?? database;
  if (!/^\d{0,9}$/.test(text)) throw new Unreadable("names a database that is no number");
  return Number(text);
}

const tlsOfScheme: ReadonlyMap<string, boolean> = new Map([
  ["redis", false],
  ["rediss", true],
  ["valkey", false],
  ["valkeys", true],
]);

function readList(text: string): readonly ReadUrl[] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "").flatMap(readOne);
}

/** A URL, and what its `addr` parameters name besides. */
function readOne(text: string): readonly ReadUrl[] {
  const socket = /^(?:(?:redis\+)?unix:(?:\/\/)?(?:([^/?#]*)@)?)?(\/(?!\/)[^?#]+)(?:\?([^#]*))?$/i.exec(text);
  if (socket !== null) return [socketUrl(socket[1] ?? "", socket[2]!, socket[3] ?? "")];
  if (/^(?:redis\+)?unix:/i.test(text)) throw new Unreadable("names no absolute path of a unix socket, such as unix:///run/redis.sock");
  const full = text.includes("://") ? text : `redis://${text}`;
  const scheme = full.slice(0, full.indexOf("://"));
  const isTls = tlsOfScheme.get(scheme.toLowerCase());
  // A password may hold "://" too: what is no name is not repeated.
  if (isTls === undefined) throw new Unreadable(`has ${unknownScheme(scheme)}; redis://, rediss:// (TLS) and unix:// are known`);
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new Unreadable("is no URL such as redis://user:password@host:6379/0; odd characters in a password are written like %23");
  }
  const one: ReadUrl = {
    ...hostOf(url),
    path: undefined,
    isTls,
    username: loginPart(url.username),
    password: loginPart(url.password),
    database: url.pathname.replace(/\/$/, "").replace(/^\//, ""),
    query: url.searchParams,
  };
  const more = url.searchParams.getAll("addr").map((address) => {
    if (!URL.canParse(`redis://${address}`)) throw new Unreadable("has an addr that is no host:port");
    return { ...one, ...hostOf(new URL(`redis://${address}`)) };
  });
  return [one, ...more];
}

function hostOf({ hostname, port }: URL): Pick<ReadUrl, "host" | "port"> {
  return { host: hostname.replace(/^\[(.*)\]$/s, "$1"), port: port === "" ? undefined : Number(port) };
}

function socketUrl(login: string, path: string, query: string): ReadUrl {
  const colon = login.indexOf(":");
  const [username, password] = colon === -1 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  return {
    host: "",
    port: undefined,
    path: decoded(path),
    isTls: false,
    username: loginPart(username),
    password: loginPart(password),
    database: "",
    query: new URLSearchParams(query),
  };
}

function unknownScheme(scheme: string): string {
  return /^[a-z][a-z0-9+.-]{0,20}$/i.test(scheme) ? `the scheme ${JSON.stringify(scheme)}` : "an unknown scheme";
}

function loginPart(text: string): string | undefined {
  return text === "" ? undefined : decoded(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Unreadable("has a stray %; write it as %25");
  }
}
