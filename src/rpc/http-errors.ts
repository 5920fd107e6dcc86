import type { IncomingHttpHeaders } from "node:http";
import { CableError } from "../errors.ts";

/** A server was reached and answered with a status other than 200. */
class AnsweredError extends CableError {}

/** Whether the call failed on the way: nobody there, no TLS, no answer in time. A status, whatever it says, came from somebody. */
export function isTransportFailure(error: CableError): boolean {
  return transportCodes.has(error.code) && !(error instanceof AnsweredError);
}

const transportCodes: ReadonlySet<string> = new Set(["rpc.unavailable", "rpc.timeout", "rpc.unauthenticated"]);

/** As much of an answer's text as an error quotes. */
const MAX_QUOTE_LENGTH = 200;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** May be only its beginning. */
  readonly body: Buffer;
}

/**
 * An answer that is none, as an error. Clients are told the same in every case. 408, 429, 502 and 503 may be tried again, which AnyCable doesn't
 * do: they are what a full server, or the proxy before one that restarts, says instead of carrying the call out.
 */
export function statusError({ status, headers, body }: HttpAnswer, url: string): CableError {
  const said = quote(headers, body);
  switch (status) {
    case 401:
      return new AnsweredError(
        "rpc.unauthenticated",
        `the application refused our key (401)${said}; http_rpc_secret, or the secret that it is derived from, must be the same there`,
      );
    case 404:
      return new AnsweredError(
        "rpc.failed",
        `there is nothing at ${url} (404)${said}; rpc_host must be the whole URL of the RPC endpoint, with its path (/_anycable in Rails)`,
      );
    case 429:
      return new AnsweredError("rpc.exhausted", `the application has no capacity for the call (429)${said}`);
    case 408:
    case 502:
    case 503:
      return new AnsweredError("rpc.unavailable", `the application can't be reached (${status})${said}`);
    default:
      if (status >= 300 && status < 400 && headers.location !== undefined) {
        return new AnsweredError(
          "rpc.failed",
          `${url} redirects (${status}) to ${placeOf(headers.location, url)}, and redirects are not followed; set rpc_host to where the application is`,
        );
      }
      return new AnsweredError("rpc.failed", `the application answered with HTTP status ${status}${said}`);
  }
}

/** What Node.js says about a request that got no answer, as an error. `target` is whom it was for. */
export function networkError(error: NodeJS.ErrnoException, target: string): CableError {
  const { code = "", message } = error;
  const said = message === "" ? code : message;
  if (tlsFailure.test(code)) {
    return new CableError("rpc.unauthenticated", `TLS with ${target} failed: ${said}`, { cause: error });
  }
  if (code.startsWith("HPE_")) {
    return new CableError("rpc.invalid_answer", `what answers at ${target} is no HTTP server: ${said}`, { cause: error });
  }
  return new CableError("rpc.unavailable", `the application can't be reached at ${target}: ${said}`, { cause: error });
}

/** OpenSSL's names for what is wrong with a certificate, and Node's for a handshake that came to nothing. */
const tlsFailure =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO$|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/;

function quote({ "content-type": type = "" }: IncomingHttpHeaders, body: Buffer): string {
  if (type.includes("html")) return "";
  const text = body
    .toString()
    // eslint-disable-next-line no-control-regex
    .replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/gu, " ")
    .trim();
  return text === "" ? "" : `: ${text.slice(0, MAX_QUOTE_LENGTH)}`;
}

/** Without the query, which may hold what is nobody's business. */
function placeOf(location: string, base: string): string {
  if (!URL.canParse(location, base)) return "somewhere";
  const { protocol, host, pathname } = new URL(location, base);
  return `${protocol}//${host}${pathname}`.slice(0, MAX_QUOTE_LENGTH);
}
