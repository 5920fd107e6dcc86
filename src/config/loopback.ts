import { isIP } from "node:net";

/** Whether what listens on this address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 0) return host === "localhost" || host.endsWith(".localhost");
  return host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127.");
}
