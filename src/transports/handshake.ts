import type { IncomingMessage } from "node:http";
import type { Handshake } from "./transport.ts";

/** The handshake of an HTTP request. Holds on to the request, so it must not outlive authentication. */
export function requestHandshake(request: IncomingMessage, protocol: string): Handshake {
  const scheme = "encrypted" in request.socket ? "https" : "http";
  const target = request.url ?? "/";
  let params: URLSearchParams | undefined;
  return {
    // A proxy may send the absolute form; everybody else sends a path.
    url: /^https?:\/\//i.test(target) ? target : `${scheme}://${request.headers.host ?? "localhost"}${target}`,
    param(name) {
      if (params === undefined) {
        const query = target.indexOf("?");
        params = new URLSearchParams(query === -1 ? "" : target.slice(query + 1));
      }
      return params.getAll(name).at(-1);
    },
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    remoteAddress: request.socket.remoteAddress ?? "",
    protocol,
  };
}
