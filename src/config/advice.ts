import type { Config } from "./config.ts";
import type { Settings } from "./layers.ts";
import { optionByName } from "./schema.ts";

/** What an operator should know about a configuration that is valid all the same. */
export function warningsAbout(config: Config, settings: Settings): readonly string[] {
  return [...dangersOf(config), ...shortfallsOf(config, settings)];
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

/** What works less far than in AnyCable, because a part is not built. */
export function shortfallsOf({ broadcast }: Config, settings: Settings): readonly string[] {
  // With a redis_url AnyCable passes them on over Redis by itself.
  const isPassedOn = settings.value("redis_url") !== optionByName.get("redis_url")!.default;
  if (!broadcast.adapters.includes("http") || !isPassedOn) return [];
  return [
    "Publications over HTTP reach the clients of the node that takes them: pub/sub between nodes is not built yet. Those through Redis reach all nodes",
  ];
}
