import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../errors.ts";
import { bearerCheck } from "../http/bearer.ts";
import { endUnread } from "../http/body.ts";
import { corsHeaders } from "../http/cors.ts";
import { refuse, type AnswerHeaders } from "../http/json-answer.ts";
import type { Routes } from "../http/routes.ts";
import type { Logger } from "../logger.ts";
import type { AcceptBroadcast, Broadcaster } from "./broadcaster.ts";
import { PublicationEndpoint } from "./publication-endpoint.ts";

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

class HttpBroadcaster implements Broadcaster {
  readonly name = "http";
  readonly reach = "one";
  readonly #endpoint: PublicationEndpoint;
  readonly #isPermitted: (request: IncomingMessage) => boolean;
  readonly #corsHeaders: ((request: IncomingMessage) => AnswerHeaders) | undefined;

  constructor({ routes, path, key, corsOrigins, maxBodyBytes, logger }: HttpBroadcasterOptions) {
    this.#endpoint = new PublicationEndpoint({ maxBodyBytes, logger });
    this.#isPermitted = key === undefined ? () => true : bearerCheck(key);
    this.#corsHeaders = corsOrigins && corsHeaders({ allowedOrigins: corsOrigins, methods: "POST, OPTIONS" });
    routes.request(path, (request, response) => {
      this.#handle(request, response).catch((error: unknown) =>
        logger.error("A publisher could not be answered", { error: messageOf(error) }),
      );
    });
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#endpoint.start(accept);
  }

  stop(): Promise<void> {
    return this.#endpoint.stop();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = this.#corsHeaders?.(request) ?? {};
    if (request.method === "OPTIONS" && this.#corsHeaders !== undefined) {
      response.writeHead(200, { ...headers, "content-length": "0" }).end();
    } else if (request.method !== "POST") {
      const refusal = { status: 422, code: "publication.malformed", message: "Publish with POST." } as const;
      refuse(request, response, refusal, { ...headers, allow: "POST" });
    } else if (!this.#isPermitted(request)) {
      response.writeHead(401, { ...headers, "www-authenticate": "Bearer", "content-length": "0" });
      endUnread(request, response, "");
    } else {
      await this.#endpoint.answer(request, response, headers);
    }
  }
}
