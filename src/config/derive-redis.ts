import { CableError } from "../errors.ts";
import { readRedisAddress, type RedisAddress } from "../redis/address.ts";
import type { Config } from "./config.ts";
import type { DeriveOptions } from "./derive.ts";
import { pubsubAdapter } from "./derive-broker.ts";
import type { Settings } from "./layers.ts";

/** @throws {CableError} `config.invalid_value`, `config.unreadable_file`; not when nothing uses Redis: hosts set REDIS_URL for everybody. */
export function deriveRedis(from: DeriveOptions): Config["redis"] {
  const { settings } = from;
  const adapters = settings.list("broadcast_adapter");
  const isChosen = pubsubAdapter(settings) === "redis" || settings.text("broker") === "redis" || adapters.includes("redisx");
  const isUsed = isChosen || adapters.includes("redis");
  const path = (name: string): string | undefined => settings.text(name) || undefined;
  const redis = {
    url: settings.text("redis_url").trim(),
    sentinels: settings.list("redis_sentinels"),
    tls: {
      verify: settings.flag("redis_tls_verify"),
      caPath: path("redis_tls_ca_cert_path"),
      certPath: path("redis_tls_client_cert_path"),
      keyPath: path("redis_tls_client_key_path"),
    },
    checkIntervalMs: settings.number("redis_sentinel_discovery_interval") * 1000,
    prefix: settings.text("redis_prefix"),
    isRequired: isChosen || (isUsed && ["redis_url", "redis_sentinels", "broadcast_adapter"].some((name) => settings.isGiven(name))),
  };
  if (!isUsed) return redis;
  const address = readRedisAddress(redis);
  if ("problem" in address) throw new CableError("config.invalid_value", `${settings.get(address.option).origin} ${address.problem}`);
  if (isTls(address)) checkFiles(from);
  for (const warning of warningsAboutTls(settings, address)) from.warn(warning);
  return redis;
}

function isTls(address: RedisAddress): boolean {
  return address.kind === "sentinels" ? address.master.isTls : address.servers[0].isTls;
}

const fileOptions = ["redis_tls_ca_cert_path", "redis_tls_client_cert_path", "redis_tls_client_key_path"] as const;

/** They are read for each connection; a wrong path is better told before the first. */
function checkFiles({ settings, readFile }: DeriveOptions): void {
  for (const name of fileOptions) {
    const { origin } = settings.get(name);
    const path = settings.text(name);
    if (path === "") continue;
    const text = readFile(path);
    if (text === undefined)
      throw new CableError("config.unreadable_file", `${origin}: there is no file ${JSON.stringify(path.slice(0, 200))}`);
    const kind = name.endsWith("key_path") ? "private key" : "certificate";
    if (!/-----BEGIN [A-Z ]*(?:CERTIFICATE|PRIVATE KEY)-----/.test(text) || !text.toLowerCase().includes(kind)) {
      throw new CableError("config.invalid_value", `${origin} has no ${kind} in PEM format`);
    }
  }
}

/** What is allowed, as in AnyCable, and less safe than it looks. */
function warningsAboutTls(settings: Settings, address: RedisAddress): readonly string[] {
  const warnings: string[] = [];
  const given = [
    ...fileOptions.filter((name) => settings.text(name) !== ""),
    ...(settings.flag("redis_tls_verify") ? ["redis_tls_verify"] : []),
  ];
  if (!isTls(address)) {
    if (given.length > 0)
      warnings.push(`${given.join(", ")}: without effect, since redis_url is not rediss:// and the connection is not encrypted`);
    return warnings;
  }
  if (!settings.flag("redis_tls_verify")) {
    if (settings.text("redis_tls_ca_cert_path") !== "") {
      warnings.push("redis_tls_ca_cert_path is without effect while redis_tls_verify is off: Redis's certificate is not checked");
    } else if (!settings.isGiven("redis_tls_verify")) {
      warnings.push(
        "Redis's certificate is not checked, so whoever stands between can read and change publications: set redis_tls_verify, or set it to false to silence this",
      );
    }
  }
  const [cert, key] = [settings.text("redis_tls_client_cert_path"), settings.text("redis_tls_client_key_path")];
  if ((cert === "") !== (key === "")) {
    const missing = cert === "" ? "redis_tls_client_cert_path" : "redis_tls_client_key_path";
    warnings.push(`No client certificate is shown to Redis: ${missing} is missing`);
  }
  if (
    address.kind === "sentinels" &&
    settings.list("redis_sentinels").some((text) => /^(?:redis|valkey)s:/i.test(text)) &&
    !address.sentinels[0].isTls
  ) {
    warnings.push(
      "rediss:// in redis_sentinels alone means TLS to the master and none to the sentinels, as in AnyCable: with rediss:// in redis_url too both have it",
    );
  }
  return warnings;
}
