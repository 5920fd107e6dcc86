import type { Config } from "./config.ts";

/** What an operator should know about a configuration that is valid all the same. */
export function warningsAbout(config: Config): readonly string[] {
  return dangersOf(config);
}

function dangersOf({ broadcast, server }: Config): readonly string[] {
  const warnings: string[] = [];
  if (server.isPublic)
    warnings.push("public is on: clients are not authenticated, every stream is open, and anybody may publish over HTTP");
  if (broadcast.adapters.includes("http") && broadcast.http.listen === "main" && broadcast.http.key === undefined) {
    warnings.push(
      "Publications over HTTP are taken on the main port without a key: set broadcast_key or secret, or another http_broadcast_port",
    );
  }
  return warnings;
}
