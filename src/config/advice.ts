import type { Config } from "./config.ts";
import type { Environment } from "./environment.ts";
import type { Settings } from "./layers.ts";
import { optionByName } from "./schema.ts";

/** What an operator should know about a configuration that is valid all the same. */
export function warningsAbout(config: Config, settings: Settings, env: Environment): readonly string[] {
  const warnings: string[] = [];
  const { broadcast, server } = config;
  const overHttp = broadcast.adapters.includes("http");
  if (server.isPublic)
    warnings.push("public is on: clients are not authenticated, every stream is open, and anybody may publish over HTTP");
  if (overHttp && broadcast.http.listen === "main" && broadcast.http.key === undefined) {
    warnings.push(
      "Publications over HTTP are taken on the main port without a key: set broadcast_key or secret, or another http_broadcast_port",
    );
  }
  // With a redis_url AnyCable passes them on over Redis by itself.
  if (overHttp && settings.value("redis_url") !== optionByName.get("redis_url")!.default) {
    warnings.push(
      "Publications over HTTP reach the clients of the node that takes them: pub/sub between nodes is not built yet. Those through Redis reach all nodes",
    );
  }
  const preset = settings.list("presets").includes("auto") ? presetOf(env) : undefined;
  if (preset !== undefined) {
    warnings.push(
      `This looks like ${preset.host}, where AnyCable applies its ${preset.name} preset, which is not built yet: ${preset.instead}, and presets=none to silence this`,
    );
  }
  return warnings;
}

interface Preset {
  readonly name: string;
  readonly host: string;
  readonly instead: string;
}

/** The preset that AnyCable would find out by itself. */
function presetOf(env: Environment): Preset | undefined {
  const has = (...names: readonly string[]): boolean => names.every((name) => env[name] !== undefined);
  if (has("FLY_APP_NAME", "FLY_ALLOC_ID", "FLY_REGION")) {
    return { name: "fly", host: "Fly", instead: "set host=0.0.0.0, rpc_host and redis_url yourself" };
  }
  if (has("HEROKU_APP_ID", "HEROKU_DYNO_ID")) {
    return { name: "heroku", host: "Heroku", instead: "set host=0.0.0.0 yourself" };
  }
  return undefined;
}
