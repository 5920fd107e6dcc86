import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where parts hang their paths. One per listening port; several parts can share it. */
export interface Routes {
  /**
   * Answers every method on `path`. Paths are AnyCable's (chi's): `/cable`, `/{tenant}/cable`, `/{id:[0-9]+}`, and a `/*` at the end.
   * @throws {CableError} `config.invalid_value` when the path is taken or malformed.
   */
  request(path: string, handler: RequestHandler): void;
  /** Takes over the socket of upgrade requests to `path`. */
  upgrade(path: string, handler: UpgradeHandler): void;
}
