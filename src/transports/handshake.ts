import type { IncomingMessage } from "node:http";
import type { Forwarded, TrustedProxies } from "../http/proxies.ts";
import type { Handshake } from "./transport.ts";

const NOTHING_FORWARDED: Forwarded = {};

/**
 * The handshake of an HTTP request. Holds on to the request, so it must not outlive authentication. Without `proxies` nobody is believed
 * who claims to speak for another.
 */
export function requestHandshake(request: IncomingMessage, protocol: string, proxies?: TrustedProxies): Handshake {
  const target = request.url ?? "/";
  let parsed: URLSearchParams | undefined;
  const params = (): URLSearchParams => {
    if (parsed === undefined) {
      const query = target.indexOf("?");
      parsed = new URLSearchParams(query === -1 ? "" : target.slice(query + 1));
    }
    return parsed;
  };
  return {
    get url() {
      const { scheme, host } = proxies?.forwarded(request) ?? NOTHING_FORWARDED;
      const { authority, path } = split(target);
      const own = "encrypted" in request.socket ? "https" : "http";
      return `${scheme ?? own}://${host ?? authority ?? request.headers.host ?? "localhost"}${path}`;
    },
    param: (name) => params().getAll(name).at(-1),
    firstParam: (name) => params().get(name) ?? undefined,
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    // Asked only when wanted: it costs a system call.
    get remoteAddress() {
      return proxies?.clientAddress(request) ?? request.socket.remoteAddress ?? "";
    },
    protocol,
  };
}

/** A proxy may send the absolute form (RFC 9112 §3.2.2), whose host then counts instead of the Host header; everybody else sends a path. */
function split(target: string): { readonly authority?: string; readonly path: string } {
  if (target.startsWith("/")) return { path: target };
  const [start, authority] = /^https?:\/\/([^/?#]+)/i.exec(target) ?? [];
  if (start === undefined || authority === undefined) return { path: target };
  const path = target.slice(start.length);
  return { authority, path: path.startsWith("/") ? path : `/${path}` };
}
