import { ErrorReply, RedisClient as NodeRedis, RESP_TYPES, type RedisClientType } from "@redis/client";
import { placeOf, type RedisEndpoint } from "./address.ts";
import { tlsConnectOptions, type RedisTlsOptions } from "./tls.ts";

/** One connection of node-redis, which does not reconnect: `destroy` ends it, and another one takes its place. */
export type RedisClient = RedisClientType<Record<never, never>, Record<never, never>, Record<never, never>, 2>;

export interface RedisClientOptions {
  readonly endpoint: RedisEndpoint;
  readonly tls: RedisTlsOptions;
  /** Hosts that were configured: a certificate for any of them will do. */
  readonly names: readonly string[];
  /** Default: none is chosen, which is right for pub/sub, sentinels and clusters. */
  readonly database?: number | undefined;
  /** Milliseconds for TCP and TLS. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds of silence that end the connection. Default: it may be silent for ever. */
  readonly silenceMs?: number;
}

/** RESP2 is what every version, fork and proxy speaks. */
const RESP = 2;

/** node-redis's own `createClient` makes a class of some hundred methods for each client whose options are not those of the last one. */
const createClient = NodeRedis.factory({ RESP });

/** A client that is still to be connected. Its `error` event needs a listener. @throws {CableError} when a file for TLS is not as it should be. */
export function newRedisClient(options: RedisClientOptions): RedisClient {
  const { endpoint, tls, names, database = 0, connectTimeoutMs = 5_000, silenceMs } = options;
  const { at, isTls, username, password } = endpoint;
  const socket = {
    reconnectStrategy: false,
    connectTimeout: connectTimeoutMs,
    ...(silenceMs !== undefined && { socketTimeout: silenceMs }),
  } as const;
  const clientOptions = {
    // The class knows it for the answers, not for the connection.
    RESP,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database > 0 && { database }),
    maintNotifications: "disabled" as const,
    // Its own limit is only for commands that wait to be sent. An AbortSignal for each is more than half of what sending them costs.
    commandOptions: { timeout: 0 },
    socket:
      "path" in at
        ? { ...socket, path: at.path, tls: false as const }
        : isTls
          ? { ...socket, ...at, ...tlsConnectOptions(tls, at.host, names), tls: true as const }
          : { ...socket, ...at },
  };
  return createClient(clientOptions);
}

/** What a server says about itself. */
export interface RedisIdentity {
  /** `replica`: follows a master. undefined: it did not say, as those before 6.0 and some proxies don't. */
  readonly role: "master" | "replica" | undefined;
  readonly mode: "standalone" | "cluster" | "sentinel" | undefined;
}

/** Asks a connected client's server what it is. HELLO is open to all users, where ROLE and INFO are not. */
export async function identityOf(client: RedisClient): Promise<RedisIdentity> {
  const reply: unknown = await client.sendCommand(["HELLO", "2"]).catch(unlessLost);
  const says = (name: string): unknown => (Array.isArray(reply) ? (reply as unknown[])[reply.indexOf(name) + 1] : undefined);
  const one = <T extends string>(value: unknown, ...known: readonly T[]): T | undefined => known.find((each) => each === value);
  return { role: one(says("role"), "master", "replica"), mode: one(says("mode"), "standalone", "cluster", "sentinel") };
}

/** Whether it was a server that said no; else the connection is no good. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ErrorReply;
}

/** For commands that some servers don't know or some users may not call: a refusal is no answer, a lost connection an error. */
export function unlessLost(error: unknown): undefined {
  if (isRefusal(error)) return undefined;
  throw error;
}

/** Texts in its answers come as they were sent, as Buffers, not as UTF-8 with replacements. */
export function rawAnswers(client: RedisClient): Pick<RedisClient, "sendCommand"> {
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}

/** Whether the server knows a command. Who may not ask is told no. */
export async function knowsCommand(client: RedisClient, name: string): Promise<boolean> {
  const reply: unknown = await client.sendCommand(["COMMAND", "INFO", name]).catch(unlessLost);
  return Array.isArray(reply) && Array.isArray(reply[0]);
}

/** Calls back when Redis takes a sharded channel away from this client, because its slot is another node's now. */
export function onShardedChannelMoved(client: RedisClient, moved: (channel: string) => void): void {
  client.on("sharded-channel-moved", (channel: string) => moved(channel));
}

/** Ends a command of this client that blocks, from a second connection. Rejects when that is not allowed, or `signal` ends it. */
export async function unblock(client: RedisClient, clientId: number, signal: AbortSignal): Promise<void> {
  const other = client.duplicate();
  other.on("error", () => {});
  const destroy = (): void => other.destroy();
  signal.addEventListener("abort", destroy);
  try {
    await other.connect();
    signal.throwIfAborted();
    await other.sendCommand(["CLIENT", "UNBLOCK", String(clientId)]);
  } finally {
    signal.removeEventListener("abort", destroy);
    destroy();
  }
}

/** Connects, asks, and ends the connection, whatever comes of it. */
export async function askOnce<T>(options: RedisClientOptions, ask: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = newRedisClient(options);
  // The same error rejects whatever is being waited for.
  client.on("error", () => {});
  try {
    await client.connect();
    return await ask(client);
  } finally {
    client.destroy();
  }
}

/** A TCP endpoint in what a server tells: `[host, port, …]`. Without a host it is the one that told. */
export function endpointIn(told: unknown, teller: RedisEndpoint): RedisEndpoint | undefined {
  if (!Array.isArray(told)) return undefined;
  const [host, port] = told as unknown[];
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) return undefined;
  if (typeof host === "string" && host !== "" && host !== "?") return { ...teller, at: { host, port: number } };
  return "path" in teller.at ? undefined : { ...teller, at: { host: teller.at.host, port: number } };
}

export function isSamePlace(one: RedisEndpoint, other: RedisEndpoint): boolean {
  return placeOf(one) === placeOf(other);
}
