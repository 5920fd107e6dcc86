/** What an operator says about the NATS server that Ropeway runs. */
export interface EmbeddedNatsOptions {
  /** Path of the program, or its name on the PATH. */
  readonly binary: string;
  /** Has to differ from every other server of the cluster, and to stay the same at a restart. undefined: this machine's name and the port. */
  readonly serverName: string | undefined;
  /** Where clients connect. */
  readonly listen: NatsListen;
  /** undefined: none. `listen` is for other servers of the cluster; `routes` are URLs of such, and may name this one too. */
  readonly cluster: { readonly name: string; readonly listen: NatsListen; readonly routes: readonly string[] } | undefined;
  /** undefined: none. `name` is the cluster's. */
  readonly gateway:
    | {
        readonly name: string;
        /** For other clusters. */
        readonly listen: NatsListen;
        /** `host:port` by which they reach it, if that is another one. */
        readonly advertise: string | undefined;
        /** The other clusters. */
        readonly remotes: readonly { readonly name: string; readonly urls: readonly string[] }[];
      }
    | undefined;
  /**
   * undefined: off. `storeDir`: where it keeps its files; undefined: in a temporary folder, which is removed at the end. `readyTimeoutMs`:
   * how long the start waits for its leader; then it goes on, and so does the waiting, in the background.
   */
  readonly jetStream: { readonly storeDir: string | undefined; readonly readyTimeoutMs: number } | undefined;
  /** Largest message. 0: the server's default, 1 MiB. */
  readonly maxPayloadBytes: number;
  /** The server tells what it does, at our log level `debug`. */
  readonly isDebug: boolean;
  /** The same for every message of the protocol. */
  readonly isTrace: boolean;
}

export interface NatsListen {
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Absent: whoever reaches it may connect. */
  readonly login?: NatsLogin | undefined;
}

/** A token is for clients: servers show each other a user and a password. */
export type NatsLogin = { readonly user: string; readonly password: string } | { readonly token: string };

/** `host:port`, for people and for listening. */
export function placeOf({ host, port }: NatsListen): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** How a process on this machine reaches it: an address that stands for all is called on loopback. */
export function reachedAt(listen: NatsListen): NatsListen {
  if (listen.host === "0.0.0.0") return { ...listen, host: "127.0.0.1" };
  return listen.host === "::" ? { ...listen, host: "::1" } : listen;
}

/** Every password and token: none of them may be logged. Both as they are and as they stand in a URL. */
export function secretsOf({ listen, cluster, gateway }: EmbeddedNatsOptions): readonly string[] {
  const logins = [listen, cluster?.listen, gateway?.listen].flatMap((address) => address?.login ?? []);
  const urls = [...(cluster?.routes ?? []), ...(gateway?.remotes.flatMap((remote) => remote.urls) ?? [])];
  const secrets = [...logins.map((login) => ("token" in login ? login.token : login.password)), ...urls.flatMap(secretsIn)];
  return [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))].filter((secret) => secret !== "");
}

function secretsIn(text: string): readonly string[] {
  if (!URL.canParse(text)) return [];
  const { username, password } = new URL(text);
  const secret = password === "" ? username : password;
  try {
    return [secret, decodeURIComponent(secret)];
  } catch {
    return [secret];
  }
}
