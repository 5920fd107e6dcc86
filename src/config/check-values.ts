import type { Option, OptionValue } from "./option.ts";
import { showValue } from "./value.ts";

/** Options that count as secret because there may be a password in the address. The address itself is worth seeing. */
const addresses: ReadonlySet<string> = new Set([
  "redis_url",
  "redis_sentinels",
  "rpc_host",
  "nats_servers",
  "enats_addr",
  "enats_cluster",
  "enats_cluster_routes",
  "enats_gateway",
  "enats_gateways",
]);

/** An option's value for people: what is secret in it is hidden. */
export function shownValue(option: Option, value: OptionValue): string {
  const text = showValue(option, value);
  if (!option.isSecret || text === "" || text === "none" || text === showValue(option, option.default)) return text;
  return addresses.has(option.name) ? shownAddress(text) : hidden;
}

/** Whether somebody who sees the value has learnt a secret. */
export function holdsSecret(option: Option, value: OptionValue): boolean {
  const text = showValue(option, value);
  if (!option.isSecret || text === "" || text === "none") return false;
  return !addresses.has(option.name) || shownAddress(text) !== text;
}

const hidden = "(hidden)";

/**
 * All before the last @ may be a password, however it is written, and so may what follows a question mark. What doesn't look like an address
 * then is not shown at all.
 */
function shownAddress(text: string): string {
  const scheme = /^(?:(?:unix|dns|ipv4|ipv6):\/{0,3}|[a-z][a-z0-9+.-]*:\/\/)/iu.exec(text)?.[0] ?? "";
  const at = text.lastIndexOf("@");
  const rest = (at < 0 ? text.slice(scheme.length) : text.slice(at + 1)).trim();
  const plain = rest.replace(/[?#].*$/su, "");
  const shown = `${at < 0 ? "" : "***@"}${plain}${plain === rest ? "" : "?***"}`;
  const isAddress = /^unix:/iu.test(scheme) || plain.split(",").every((part) => member.test(part.trim()));
  return isAddress ? scheme + shown : hidden;
}

/** `host`, `host:port`, `[::1]:port`, each with a scheme before and a path behind. */
const member = /^(?:[a-z]+:\/\/)?(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:\/[\w./-]*)?$/iu;
