import type { IncomingMessage, ServerResponse } from "node:http";
import { CableError, messageOf, type ErrorCode } from "../errors.ts";
import { bearerCheck } from "../http/bearer.ts";
import { endUnread, readText, type BodyRefusal } from "../http/body.ts";
import { corsHeaders } from "../http/cors.ts";
import type { Routes } from "../http/routes.ts";
import type { Logger } from "../logger.ts";
import type { AcceptBroadcast, Broadcaster } from "./broadcaster.ts";

export interface HttpBroadcasterOptions {
  /** The listener to hang on. */
  readonly routes: Routes;
  /** AnyCable's default is `/_broadcast`. */
  readonly path: string;
  /** What publishers must show as `Authorization: Bearer <key>`; `undefined` = everybody may publish. */
  readonly key: string | undefined;
  /** Origins whose pages may publish, as in `allowed_origins` (empty = all); `undefined` = no CORS headers at all. */
  readonly corsOrigins: readonly string[] | undefined;
  /** Bytes of one body; more is answered 413 and not read. */
  readonly maxBodyBytes: number;
  readonly logger: Logger;
}

/**
 * Takes publications by `POST`. Statuses are AnyCable's (201, 401, 422 for another method) where it has one: 413 = too large,
 * 415 = compressed, 422 = malformed, 503 = not now, with Retry-After. Errors carry `{"error":{"code","message"}}`, a 401 says nothing.
 * @throws {CableError} `config.invalid_value` when the path is taken or malformed.
 */
export function httpBroadcaster(options: HttpBroadcasterOptions): Broadcaster {
  return new HttpBroadcaster(options);
}

type Headers = Readonly<Record<string, string>>;

class HttpBroadcaster implements Broadcaster {
  readonly name = "http";
  readonly reach = "one";
  readonly #maxBodyBytes: number;
  readonly #logger: Logger;
  readonly #isPermitted: (request: IncomingMessage) => boolean;
  readonly #corsHeaders: ((request: IncomingMessage) => Headers) | undefined;
  readonly #pending = new Set<Promise<void>>();
  #accept: AcceptBroadcast | undefined;

  constructor({ routes, path, key, corsOrigins, maxBodyBytes, logger }: HttpBroadcasterOptions) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#logger = logger;
    this.#isPermitted = key === undefined ? () => true : bearerCheck(key);
    this.#corsHeaders = corsOrigins && corsHeaders({ allowedOrigins: corsOrigins, methods: "POST, OPTIONS" });
    routes.request(path, (request, response) => {
      this.#handle(request, response).catch((error: unknown) =>
        logger.error("A publisher could not be answered", { error: messageOf(error) }),
      );
    });
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#accept = accept;
  }

  async stop(): Promise<void> {
    this.#accept = undefined;
    await Promise.allSettled(this.#pending);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = this.#corsHeaders?.(request) ?? noHeaders;
    if (request.method === "OPTIONS" && this.#corsHeaders !== undefined) {
      response.writeHead(200, { ...headers, "content-length": "0" }).end();
    } else if (request.method !== "POST") {
      refuse(request, response, { ...headers, allow: "POST" }, 422, "publication.malformed", "Publish with POST.");
    } else if (!this.#isPermitted(request)) {
      response.writeHead(401, { ...headers, "www-authenticate": "Bearer", "content-length": "0" });
      endUnread(request, response, "");
    } else if (this.#accept === undefined) {
      this.#notNow(request, response, headers);
    } else {
      // One path for all, so that bodies go on in the order in which they became complete.
      const body = await readText(request, this.#maxBodyBytes);
      if ("refused" in body) this.#refuseBody(request, response, headers, body.refused);
      else await this.#take(request, response, headers, body.text);
    }
  }

  async #take(request: IncomingMessage, response: ServerResponse, headers: Headers, text: string): Promise<void> {
    if (this.#accept === undefined) return this.#notNow(request, response, headers);
    try {
      const accepted = this.#accept(text);
      if (accepted) await this.#settled(accepted);
      response.writeHead(201, { ...headers, "content-length": "0" }).end();
    } catch (error) {
      const code = error instanceof CableError ? error.code : undefined;
      if (code === "publication.malformed") refuse(request, response, headers, 422, code, messageOf(error));
      else if (code === "publication.too_large") refuse(request, response, headers, 413, code, messageOf(error));
      else if (code === "publication.unavailable") this.#notNow(request, response, headers, messageOf(error));
      else {
        this.#logger.error("A publication failed", { error: messageOf(error) });
        refuse(request, response, headers, 500, "publication.unavailable", "The publication failed here; the log of this server says why.");
      }
    }
  }

  async #settled(accepted: Promise<void>): Promise<void> {
    this.#pending.add(accepted);
    try {
      await accepted;
    } finally {
      this.#pending.delete(accepted);
    }
  }

  #refuseBody(request: IncomingMessage, response: ServerResponse, headers: Headers, refused: BodyRefusal): void {
    switch (refused) {
      case "too_large":
        // Told to close, so that the client stops sending what nobody reads.
        response.shouldKeepAlive = false;
        return refuse(
          request,
          response,
          headers,
          413,
          "publication.too_large",
          `The body is over the limit of ${this.#maxBodyBytes} bytes.`,
        );
      case "encoded":
        return refuse(request, response, headers, 415, "publication.malformed", "Send the body uncompressed, without Content-Encoding.");
      case "not_utf8":
        return refuse(request, response, headers, 422, "publication.malformed", "The body is not UTF-8.");
      case "aborted":
        response.destroy();
    }
  }

  #notNow(request: IncomingMessage, response: ServerResponse, headers: Headers, message = "Not accepting publications now."): void {
    refuse(request, response, { ...headers, "retry-after": "1" }, 503, "publication.unavailable", message);
  }
}

const noHeaders: Headers = {};

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Headers,
  status: number,
  code: ErrorCode,
  message: string,
): void {
  const text = JSON.stringify({ error: { code, message } });
  response.writeHead(status, { ...headers, "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) });
  endUnread(request, response, text);
}
