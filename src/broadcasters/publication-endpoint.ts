import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../errors.ts";
import { readText, type BodyRefusal } from "../http/body.ts";
import { refusalOf, refuse, type AnswerHeaders, type Refusal } from "../http/json-answer.ts";
import type { Logger } from "../logger.ts";
import type { AcceptBroadcast } from "./broadcaster.ts";

/**
 * Publications in the bodies of HTTP requests, for whoever has found out that the request may publish. Statuses: 201, 413 = too large,
 * 415 = compressed, 422 = malformed, 503 = not now, 500 = our fault.
 */
export class PublicationEndpoint {
  readonly #maxBodyBytes: number;
  readonly #logger: Logger;
  readonly #pending = new Set<Promise<void>>();
  #accept: AcceptBroadcast | undefined;

  /** @param options.maxBodyBytes of one body; more is answered 413 and not read. */
  constructor(options: { readonly maxBodyBytes: number; readonly logger: Logger }) {
    this.#maxBodyBytes = options.maxBodyBytes;
    this.#logger = options.logger;
  }

  start(accept: AcceptBroadcast): void {
    this.#accept = accept;
  }

  /** Takes nothing from now on; resolves when everything that was taken is settled. */
  async stop(): Promise<void> {
    this.#accept = undefined;
    await Promise.allSettled(this.#pending);
  }

  /** Reads the body, passes it on and answers, with `headers` whatever the answer is. */
  async answer(request: IncomingMessage, response: ServerResponse, headers: AnswerHeaders): Promise<void> {
    if (this.#accept === undefined) return refuse(request, response, notNow, headers);
    // One path for all, so that bodies go on in the order in which they became complete.
    const body = await readText(request, this.#maxBodyBytes);
    if ("refused" in body) this.#refuseBody(request, response, headers, body.refused);
    else await this.#take(request, response, headers, body.text);
  }

  async #take(request: IncomingMessage, response: ServerResponse, headers: AnswerHeaders, text: string): Promise<void> {
    if (this.#accept === undefined) return refuse(request, response, notNow, headers);
    try {
      const accepted = this.#accept(text);
      if (accepted) await this.#settled(accepted);
      response.writeHead(201, { ...headers, "content-length": "0" }).end();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) this.#logger.error("A publication failed", { error: messageOf(error) });
      refuse(request, response, refusal ?? failed, headers);
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

  #refuseBody(request: IncomingMessage, response: ServerResponse, headers: AnswerHeaders, refused: BodyRefusal): void {
    switch (refused) {
      case "too_large": {
        // Told to close, so that the client stops sending what nobody reads.
        response.shouldKeepAlive = false;
        const message = `The body is over the limit of ${this.#maxBodyBytes} bytes.`;
        return refuse(request, response, { status: 413, code: "publication.too_large", message }, headers);
      }
      case "encoded":
        return refuse(request, response, encoded, headers);
      case "not_utf8":
        return refuse(request, response, notUtf8, headers);
      case "aborted":
        response.destroy();
    }
  }
}

const notNow: Refusal = { status: 503, code: "publication.unavailable", message: "Not accepting publications now." };
const failed: Refusal = {
  status: 500,
  code: "publication.unavailable",
  message: "The publication failed here; the log of this server says why.",
};
const encoded: Refusal = {
  status: 415,
  code: "publication.malformed",
  message: "Send the body uncompressed, without Content-Encoding.",
};
const notUtf8: Refusal = { status: 422, code: "publication.malformed", message: "The body is not UTF-8." };
