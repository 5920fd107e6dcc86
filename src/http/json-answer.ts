import type { IncomingMessage, ServerResponse } from "node:http";
import { CableError, type ErrorCode } from "../errors.ts";
import { endUnread } from "./body.ts";

export type AnswerHeaders = Readonly<Record<string, string>>;

/** What somebody who is refused gets to know. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The one table of errors that have a status; all others are our own fault. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  "publication.malformed": 422,
  "publication.too_large": 413,
  "publication.unavailable": 503,
  "broker.unavailable": 503,
  "api.unauthorized": 401,
  "api.not_found": 404,
  "api.gone": 410,
  "api.malformed": 422,
  "api.failed": 500,
  "api.unsupported": 501,
};

/** undefined: not one that strangers may hear of. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof CableError)) return undefined;
  const status = statuses[error.code];
  return status === undefined ? undefined : { status, code: error.code, message: error.message };
}

/** Answers `{"error":{"code","message"}}`, whether or not the request's body was read; with 503 the client is asked to come back. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, headers: AnswerHeaders = {}): void {
  const { status, code, message } = refusal;
  const text = JSON.stringify({ error: { code, message } });
  response.writeHead(status, {
    ...headers,
    ...(status === 503 && { "retry-after": "1" }),
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
  });
  endUnread(request, response, text);
}
