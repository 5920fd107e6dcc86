import type { IncomingMessage } from "node:http";
import { originMatcher } from "./origin-list.ts";

/**
 * The CORS headers of an answer. Without a list (or with `*`) any page may ask, but without its user's cookies: browsers refuse `*` together
 * with credentials, which is what AnyCable sends. With a list, its origins are named one by one and may send cookies; others get nothing.
 */
export function corsHeaders(options: {
  readonly allowedOrigins: readonly string[];
  /** What the endpoint answers, as in `POST, OPTIONS`. */
  readonly methods: string;
}): (request: IncomingMessage) => Readonly<Record<string, string>> {
  const entries = options.allowedOrigins.filter((entry) => entry.trim() !== "");
  const base = { "access-control-allow-methods": options.methods, "access-control-allow-headers": requestHeaders };
  if (entries.length === 0 || entries.some((entry) => entry.trim() === "*")) {
    const open = { "access-control-allow-origin": "*", ...base };
    return () => open;
  }
  const matches = originMatcher(entries);
  const vary = { vary: "Origin" };
  return ({ headers: { origin } }) => {
    if (origin === undefined || !matches(origin)) return vary;
    return { ...vary, "access-control-allow-origin": origin, "access-control-allow-credentials": "true", ...base };
  };
}

// Source: AnyCable 1.6.16.
const requestHeaders = "Origin, X-Requested-With, X-Request-ID, Content-Type, Accept, X-CSRF-Token, Authorization";
