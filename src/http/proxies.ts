import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { networks, plainAddress } from "../internal/networks.ts";

/** What the proxies in front of us say about a request. A request that came from anybody else says nothing, whatever its headers are. */
export interface TrustedProxies {
  /** IP address of whoever spoke to the outermost proxy that we trust; of the peer when we don't trust that one. */
  clientAddress(request: IncomingMessage): string;
  /** Scheme and host (with port, if any) that the client used, as far as its proxy told. */
  forwarded(request: IncomingMessage): Forwarded;
}

export interface Forwarded {
  readonly scheme?: "http" | "https";
  readonly host?: string;
}

/** Proxies in a row that are looked at: a header has room for thousands. */
const MOST_HOPS = 32;

/**
 * Reads X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host of requests that come from `trusted` (see `networks`).
 * X-Forwarded-For is read from its end, where the nearest proxy wrote: the first address that is none of ours is the client's, and what
 * stands before it is only what the client claims. Like Rack, takes the first scheme and the last host of several.
 */
export function trustedProxies(trusted: readonly string[]): TrustedProxies {
  const isTrusted = networks(trusted);
  const peerOf = ({ socket }: IncomingMessage): string => plainAddress(socket.remoteAddress ?? "");
  return {
    clientAddress(request) {
      const header = request.headers["x-forwarded-for"];
      let address = peerOf(request);
      if (typeof header !== "string" || !isTrusted(address)) return address;
      let end = header.length;
      for (let hops = 0; hops < MOST_HOPS && end > 0; hops++) {
        const comma = header.lastIndexOf(",", end - 1);
        const hop = addressOf(header.slice(comma + 1, end));
        if (hop === undefined) return address;
        address = hop;
        if (!isTrusted(hop)) return address;
        end = comma;
      }
      return address;
    },
    forwarded(request) {
      const { "x-forwarded-proto": proto, "x-forwarded-host": hosts } = request.headers;
      if ((proto === undefined && hosts === undefined) || !isTrusted(peerOf(request))) return nothing;
      const scheme = schemes.get(String(proto).split(",", 1)[0]!.trim().toLowerCase());
      const host = String(hosts ?? "")
        .split(",")
        .at(-1)!
        .trim();
      return { ...(scheme && { scheme }), ...(/^[^\s/\\?#@]+$/.test(host) && { host }) };
    },
  };
}

const nothing: Forwarded = {};

/** Some proxies (Traefik) name the scheme of WebSockets. */
const schemes: ReadonlyMap<string, "http" | "https"> = new Map([
  ["http", "http"],
  ["ws", "http"],
  ["https", "https"],
  ["wss", "https"],
]);

/** Some proxies (Azure's) write the port as well. */
function addressOf(hop: string): string | undefined {
  const text = hop.trim();
  const address = plainAddress(/^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text);
  return isIP(address) === 0 ? undefined : address;
}
