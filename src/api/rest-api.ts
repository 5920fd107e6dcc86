import type { IncomingMessage, ServerResponse } from "node:http";
import type { AcceptBroadcast, Broadcaster } from "../broadcasters/broadcaster.ts";
import { PublicationEndpoint } from "../broadcasters/publication-endpoint.ts";
import type { Broker } from "../broker/broker.ts";
import { messageOf } from "../errors.ts";
import { bearerCheck } from "../http/bearer.ts";
import { corsHeaders } from "../http/cors.ts";
import { refusalOf, refuse, type AnswerHeaders, type Refusal } from "../http/json-answer.ts";
import { readTarget } from "../http/request-target.ts";
import type { Routes } from "../http/routes.ts";
import type { Logger } from "../logger.ts";
import { nodeInformation, type NodeFacts } from "./node-information.ts";
import { presenceUsers } from "./presence-users.ts";
import { apiPaths, apiRoutes, findOperation, type ApiOperation } from "./routes.ts";
import { streamHistory } from "./stream-history.ts";

export interface RestApiOptions {
  /** The listener to hang on. */
  readonly routes: Routes;
  /** Everything hangs below it. AnyCable's default is `/api`; `/` = at the top. */
  readonly path: string;
  /** What callers must show as `Authorization: Bearer <key>`; `undefined` = everybody may call. */
  readonly key: string | undefined;
  /** Origins whose pages may call, as in `allowed_origins` (empty = all); `undefined` = no CORS headers at all. */
  readonly corsOrigins: readonly string[] | undefined;
  /** Bytes of the body of one publish request; more is answered 413 and not read. */
  readonly maxBodyBytes: number;
  /** undefined = this server has none. */
  readonly broker: Broker | undefined;
  readonly node: NodeFacts;
  readonly logger: Logger;
}

/**
 * The REST API: the application publishes, and asks who is present, what a stream's history holds and how this node is. Publications go in
 * as they do over any other way that reaches one node, which is why the API is a broadcaster. Errors carry `{"error":{"code","message"}}`.
 * @throws {CableError} `config.invalid_value` when a path is taken or malformed.
 */
export function restApi(options: RestApiOptions): Broadcaster {
  return new RestApi(options);
}

class RestApi implements Broadcaster {
  readonly name = "api";
  readonly reach = "one";
  readonly #options: RestApiOptions;
  readonly #publications: PublicationEndpoint;
  readonly #isPermitted: (request: IncomingMessage) => boolean;
  readonly #corsHeaders: ((request: IncomingMessage) => AnswerHeaders) | undefined;
  /** How many segments of a request's path are the base path's. */
  readonly #depth: number;

  constructor(options: RestApiOptions) {
    const { routes, path, key, corsOrigins, maxBodyBytes, logger } = options;
    this.#options = options;
    this.#publications = new PublicationEndpoint({ maxBodyBytes, logger });
    this.#isPermitted = key === undefined ? () => true : bearerCheck(key);
    this.#corsHeaders = corsOrigins && corsHeaders({ allowedOrigins: corsOrigins, methods: "GET, HEAD, POST, OPTIONS" });
    const base = path.replace(/\/+$/, "");
    this.#depth = base.split("/").length - 1;
    for (const below of base === "" ? apiPaths : ["", ...apiPaths]) {
      routes.request(base + below, (request, response) => {
        this.#handle(request, response).catch((error: unknown) =>
          logger.error("A caller of the API could not be answered", { error: messageOf(error) }),
        );
      });
    }
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#publications.start(accept);
  }

  stop(): Promise<void> {
    return this.#publications.stop();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = { "cache-control": "no-store", ...this.#corsHeaders?.(request) };
    if (request.method === "OPTIONS" && this.#corsHeaders !== undefined) {
      response.writeHead(200, { ...headers, "content-length": "0" }).end();
      return;
    }
    if (!this.#isPermitted(request)) return refuse(request, response, unauthorized, { ...headers, "www-authenticate": "Bearer" });
    const { segments, query } = readTarget(request.url!);
    const found = findOperation(segments.slice(this.#depth));
    if (found === undefined) return refuse(request, response, unknownPath, headers);
    const { operation, stream } = found;
    const { method } = apiRoutes[operation];
    if (request.method !== method && !(request.method === "HEAD" && method === "GET")) {
      const message = `This is for ${method}.`;
      return refuse(request, response, { status: 422, code: "api.malformed", message }, { ...headers, allow: method });
    }
    if (operation === "publish") return this.#publications.answer(request, response, headers);
    await this.#tell(request, response, headers, () => this.#read(operation, stream, query));
  }

  #read(operation: Exclude<ApiOperation, "publish">, stream: string, query: URLSearchParams): Promise<string> | string {
    const { broker, node } = this.#options;
    switch (operation) {
      case "presenceUsers":
        return presenceUsers(broker?.presence, stream, query);
      case "streamHistory":
        return streamHistory(broker?.history, stream, query);
      case "node":
        return nodeInformation(node, broker);
    }
  }

  async #tell(
    request: IncomingMessage,
    response: ServerResponse,
    headers: AnswerHeaders,
    read: () => Promise<string> | string,
  ): Promise<void> {
    let text: string;
    try {
      text = await read();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) this.#options.logger.error("A request to the API failed", { error: messageOf(error) });
      return refuse(request, response, refusal ?? failed, headers);
    }
    response
      .writeHead(200, { ...headers, "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) })
      .end(text);
  }
}

const unauthorized: Refusal = {
  status: 401,
  code: "api.unauthorized",
  message: "Show the API's key as Authorization: Bearer <key>.",
};
const unknownPath: Refusal = {
  status: 404,
  code: "api.not_found",
  message: "There is nothing here. Percent-encode the names of streams, slashes included.",
};
const failed: Refusal = { status: 500, code: "api.failed", message: "That failed here; the log of this server says why." };
