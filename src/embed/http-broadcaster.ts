import { httpBroadcaster as broadcaster, type HttpBroadcasterOptions as Options } from "../broadcasters/http.ts";
import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import { deriveKey } from "../config/secrets.ts";
import type { RequestHandler } from "../http/routes.ts";
import { silentLogger } from "../logger.ts";

/** `maxBodyBytes` is 8 MiB by default; without `corsOrigins` there are no CORS headers; nothing is logged without a `logger`. */
export type HttpBroadcasterOptions = Pick<Options, "key"> & Partial<Pick<Options, "corsOrigins" | "maxBodyBytes" | "logger">>;

export interface HttpBroadcaster extends Broadcaster {
  /**
   * Answers the publishers' requests. Hang it where they are to come, `/_broadcast` in AnyCable's libraries, and before whatever reads
   * bodies: it reads them itself.
   */
  readonly handler: RequestHandler;
}

/** Takes publications by HTTP on a server of yours. `key` has to be said: `undefined` lets everybody publish who reaches the path. */
export function httpBroadcaster(options: HttpBroadcasterOptions): HttpBroadcaster {
  let handler: RequestHandler | undefined;
  const routes = { request: (_path: string, answer: RequestHandler) => void (handler = answer), upgrade: () => {} };
  const { maxBodyBytes = 8 * 1024 * 1024, logger = silentLogger, corsOrigins } = options;
  const made = broadcaster({ key: options.key, corsOrigins, maxBodyBytes, logger, routes, path: "/_broadcast" });
  return Object.assign(made, { handler: handler! });
}

/** The `key` that AnyCable's libraries derive from the application's secret. @throws {CableError} `config.invalid_value` for an empty one. */
export function broadcastKey(secret: string): string {
  return deriveKey(secret, "broadcast-cable");
}
