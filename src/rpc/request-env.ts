import type { ClientEnv } from "./controller.ts";

/** What is needed of the client's handshake. */
export interface RequestParts {
  /** Absolute URL with query. */
  readonly url: string;
  /** By lower-case name. */
  header(name: string): string | undefined;
  /** The peer's IP address. */
  readonly remoteAddress: string;
}

export interface ProxiedParts {
  /** Lower-case names of the headers that the application gets to see (`headers`). */
  readonly headers: readonly string[];
  /** Names of the cookies that it gets to see (`proxy_cookies`); undefined = all. Upper and lower case differ. */
  readonly cookies: ReadonlySet<string> | undefined;
}

/** The client's request as the application shall see it. Headers that are absent or empty are left out. */
export function clientEnvOf(request: RequestParts, proxied: ProxiedParts): ClientEnv {
  const headers = new Map<string, string>();
  for (const name of proxied.headers) {
    const value = request.header(name);
    if (value === undefined || value === "") continue;
    const kept = name === "cookie" && proxied.cookies ? filterCookies(value, proxied.cookies) : value;
    if (kept !== "") headers.set(name, kept);
  }
  // A dual-stack socket shows an IPv4 peer as an IPv6 address; applications compare with the plain one.
  headers.set("REMOTE_ADDR", request.remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ""));
  return { url: request.url, headers };
}

/**
 * The cookies of these names, in their order, each as it came: only the name is looked at, so a value may hold `=` and quotes.
 * (AnyCable's filter loses values with `=` and, for want of trimming, everything after the first cookie.)
 */
function filterCookies(header: string, names: ReadonlySet<string>): string {
  return header
    .split(";")
    .map((part) => part.trim())
    .filter((part) => {
      const end = part.indexOf("=");
      return end > 0 && names.has(part.slice(0, end).trimEnd());
    })
    .join("; ");
}
