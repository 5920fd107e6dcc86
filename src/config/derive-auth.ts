import { CableError } from "../errors.ts";
import type { Config } from "./config.ts";
import type { DeriveOptions } from "./derive.ts";
import type { Settings } from "./layers.ts";
import { realSecret } from "./secrets.ts";

/** Who may connect by token. @throws {CableError} `config.invalid_value`, `config.unreadable_file` */
export function deriveAuth(from: DeriveOptions): Config["auth"] {
  const { settings } = from;
  const publicKeys = readPublicKeys(from);
  const jwks = readJwks(from);
  const hasOthers = publicKeys !== undefined || jwks !== undefined;
  // Whoever names public keys does not want tokens of the application's secret beside them, unless he says so.
  const secrets = secretsOf(settings, "jwt_secret", "jwt_previous_secrets", hasOthers ? [] : appSecret(settings));
  const isEnforced = settings.flag("enforce_jwt");
  if (hasOthers || secrets.length > 0) return { jwt: { param: settings.text("jwt_param"), isEnforced, secrets, publicKeys, jwks } };
  if (!isEnforced) return { jwt: undefined };
  // AnyCable lets everybody in then, as if tokens had not been asked for.
  const { origin } = settings.get("enforce_jwt");
  const needed = "set jwt_secret, jwt_public_key, jwt_jwks or secret";
  throw new CableError("config.invalid_value", `${origin} asks for tokens, but nothing verifies them: ${needed}`);
}

/** Streams that clients may subscribe to without the application. */
export function deriveStreams({ settings, warn }: DeriveOptions): Config["streams"] {
  const secrets = secretsOf(settings, "streams_secret", "streams_previous_secrets", appSecret(settings));
  const signed = (name: string): { readonly secrets: readonly string[] } | undefined => {
    if (!settings.flag(name)) return undefined;
    const own = secretsOf(settings, `${name}_secret`, `${name}_previous_secrets`, secrets);
    if (own.length > 0) return { secrets: own };
    const { origin } = settings.get(name);
    warn(
      `${origin} has no effect, the application is asked: no secret verifies these streams; set ${name}_secret, streams_secret or secret`,
    );
    return undefined;
  };
  return {
    isPublic: settings.flag("public") || settings.flag("public_streams"),
    pubsubChannel: settings.text("streams.pubsub_channel"),
    secrets,
    whisperInSigned: settings.flag("streams_whisper"),
    presenceInSigned: settings.flag("streams_presence"),
    turbo: signed("turbo_streams"),
    cableReady: signed("cable_ready"),
  };
}

/** The secret of an option, or what stands in for it when it is not set, and behind it those that it replaces. `none` is no secret. */
function secretsOf(settings: Settings, name: string, previous: string, otherwise: readonly string[]): readonly string[] {
  const text = settings.text(name);
  const current = text === "" ? otherwise : text === "none" ? [] : [text];
  return [...new Set([...current, ...settings.list(previous)])];
}

function appSecret(settings: Settings): readonly string[] {
  return [realSecret(settings.text("secret")) ?? []].flat();
}

function readPublicKeys({ settings, readFile }: DeriveOptions): string | undefined {
  const { origin } = settings.get("jwt_public_key");
  const text = settings.text("jwt_public_key");
  if (text === "") return undefined;
  // Where variables have one line only, line ends are written as \n.
  if (text.includes("-----BEGIN ")) return text.replaceAll("\\n", "\n");
  const pem = readFile(text);
  if (pem === undefined)
    throw new CableError("config.unreadable_file", `${origin}: there is no file ${JSON.stringify(text.slice(0, 200))}`);
  return pem;
}

function readJwks({ settings, readFile, warn }: DeriveOptions): NonNullable<Config["auth"]["jwt"]>["jwks"] {
  const { origin } = settings.get("jwt_jwks");
  const location = settings.text("jwt_jwks");
  if (location === "") return undefined;
  if (/^https?:\/\//iu.test(location)) checkUrl(location, origin, warn);
  else if (readFile(location) === undefined) {
    throw new CableError("config.unreadable_file", `${origin}: there is no file ${JSON.stringify(location.slice(0, 200))}`);
  }
  return { location, refreshIntervalMs: settings.number("jwt_jwks_refresh_interval") * 1000 };
}

function checkUrl(text: string, origin: string, warn: (sentence: string) => void): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new CableError("config.invalid_value", `${origin} is no URL`);
  if (url.username !== "" || url.password !== "") {
    throw new CableError("config.invalid_value", `${origin} has a user or password inside: public keys need none`);
  }
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "http:" && !isLocal) {
    warn(`${origin} is fetched without TLS: whoever stands between can put keys of his own into the answer, and sign tokens`);
  }
}
