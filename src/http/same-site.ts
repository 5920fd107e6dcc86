import { isIPv4, isIPv6 } from "node:net";
import { getDomain } from "tldts";

/**
 * Whether two hosts belong to one site: one registrable domain, with the suffixes that companies share out (`github.io`, `herokuapp.com`)
 * counted as public. Hosts without one (addresses, `localhost`, single names, a suffix itself) are a site each. Ports don't matter.
 * Takes what an Origin or Host header holds, without the scheme: `a.example.com`, `example.com:8080`, `[::1]:80`.
 */
export function isSameSite(one: string, other: string): boolean {
  const a = hostname(one);
  const b = hostname(other);
  if (a === undefined || b === undefined) return false;
  return a === b || (site(a) ?? a) === (site(b) ?? b);
}

/** An address or `localhost`: a name that tells nothing about how the public reaches this host. */
export function isUnnamed(host: string): boolean {
  const name = hostname(host);
  return name !== undefined && (isAddress(name) || name === "localhost" || name.endsWith(".localhost"));
}

function site(name: string): string | null {
  return isAddress(name) ? null : getDomain(name, { allowPrivateDomains: true, extractHostname: false });
}

/** In one spelling: lower case, ASCII, no port, no brackets, no dot at the end. `undefined` when it is no host. */
function hostname(host: string): string | undefined {
  const url = `http://${host}`;
  if (/[/\\?#@]/.test(host) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[(.*)\]$/s, "$1").replace(/\.$/, "");
}

function isAddress(name: string): boolean {
  return isIPv4(name) || isIPv6(name);
}
