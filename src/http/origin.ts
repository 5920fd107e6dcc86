import type { IncomingMessage } from "node:http";
import type { Logger } from "../logger.ts";
import { originMatcher } from "./origin-list.ts";
import { isSameSite, isUnnamed } from "./same-site.ts";

export type OriginVerdict =
  | { readonly allowed: true }
  /** `why` is a sentence for the log: it names the option that would let the client in. */
  | { readonly allowed: false; readonly why: string };

/**
 * Decides whether a browser's page may open a connection. Without a list, the user's cookies are what needs protection: a request that
 * carries some is refused when its Origin is another site than the Host (or X-Forwarded-Host) that it was sent to. No Origin = not a
 * browser. Behind a proxy that hides the public name, Host is an address or `localhost` and there is nothing to compare with: accepted,
 * and the log says so once per policy. With a list (`allowed_origins`, see originMatcher), the list alone decides.
 * Refusals are not logged here: the caller knows the client.
 */
export function originPolicy(options: {
  readonly allowedOrigins: readonly string[];
  readonly logger: Logger;
}): (request: IncomingMessage) => OriginVerdict {
  const { allowedOrigins, logger } = options;
  return allowedOrigins.some((entry) => entry.trim() !== "") ? listPolicy(allowedOrigins) : siteAlone(logger);
}

const allowed: OriginVerdict = { allowed: true };

function listPolicy(entries: readonly string[]): (request: IncomingMessage) => OriginVerdict {
  const matches = originMatcher(entries);
  return ({ headers: { origin } }) => {
    if (matches(origin)) return allowed;
    const what = origin === undefined ? "There is no Origin header" : `The origin ${shortened(origin)} is not in the list`;
    return { allowed: false, why: `${what}; see the option allowed_origins` };
  };
}

function siteAlone(logger: Logger): (request: IncomingMessage) => OriginVerdict {
  let isWarned = false;
  return ({ headers }) => {
    const { origin, cookie, host } = headers;
    if (origin === undefined || cookie === undefined) return allowed;
    // The usual case, and the cheapest to tell.
    if (host !== undefined && (origin === `https://${host}` || origin === `http://${host}`)) return allowed;
    const hosts = hostsOf(headers);
    const from = URL.canParse(origin) ? new URL(origin).host : "";
    if (from !== "" && hosts.some((host) => isSameSite(from, host))) return allowed;
    if (hosts.length === 0 || !hosts.every(isUnnamed)) {
      return {
        allowed: false,
        why: `The page is from another site (${shortened(origin)}) than this server (${hosts.join(", ")}) and the request carries cookies; to allow it, add the origin to the option allowed_origins`,
      };
    }
    if (!isWarned) {
      isWarned = true;
      logger.warn(
        "Origins can't be checked: no request tells the public name of this server. Set allowed_origins, or let the proxy pass X-Forwarded-Host",
        {
          host: hosts.join(", "),
          origin,
        },
      );
    }
    return allowed;
  };
}

/** For the log: a header can be as long as its sender likes. */
function shortened(header: string): string {
  return header.length > 200 ? `${header.slice(0, 200)}…` : header;
}

/** The names that the client may have used. A page can't make a browser lie about either header. */
function hostsOf(headers: IncomingMessage["headers"]): string[] {
  const forwarded = String(headers["x-forwarded-host"] ?? "")
    .split(",")
    .map((host) => host.trim())
    .filter((host) => host !== "");
  return headers.host === undefined ? forwarded : [headers.host, ...forwarded];
}
