import type { RedisEndpoint } from "./address.ts";
import type { RedisClient, RedisIdentity } from "./client.ts";

/** Knows which server to connect to, and notices when that is another one. */
export interface RedisLocator {
  /** The server to try now. Rejects when there is none to be found. */
  locate(): Promise<RedisEndpoint>;
  /** Looks at a server that a connection was just made to, before anything is done with it. Rejects when it is the wrong one. */
  inspect(endpoint: RedisEndpoint, identity: RedisIdentity, client: RedisClient): Promise<void>;
  /** Begins to watch. `moved` says that another server than the one in use, or looked for, is the right one, and why. */
  start(moved: (why: string) => void): void;
  stop(): void;
}
