import { CableError } from "../errors.ts";
import { readRpcHost, readRpcUrl } from "./addresses.ts";
import type { Config } from "./config.ts";
import type { DeriveOptions } from "./derive.ts";
import type { Settings } from "./layers.ts";
import { deriveKey, realSecret } from "./secrets.ts";

/** Over HTTP, AnyCable limits attempts even when nobody asks for it. */
const HTTP_REQUEST_TIMEOUT_MS = 3_000;

/** How the application is asked. @throws {CableError} `config.invalid_value`, `config.unreadable_file` */
export function deriveRpc(from: DeriveOptions): Config["rpc"] {
  const { settings, warn } = from;
  const implementation = implementationOf(settings);
  if (implementation !== "none" && settings.number("rpc_concurrency") === 0) {
    warn("The adaptive limit of RPC calls is not built yet: rpc_concurrency is 28 instead of 0");
  }
  return {
    implementation,
    concurrency: settings.number("rpc_concurrency") || 28,
    commandTimeoutMs: settings.number("rpc_command_timeout"),
    proxyHeaders: settings.list("headers"),
    proxyCookies: settings.list("proxy-cookies"),
    maxReceiveBytes: settings.number("rpc_max_call_recv_size"),
    maxSendBytes: settings.number("rpc_max_call_send_size"),
    ...(implementation === "http" ? deriveHttp(from) : deriveGrpc(from, implementation)),
  };
}

type ByImplementation = Pick<Config["rpc"], "host" | "tls" | "http" | "requestTimeoutMs">;

function implementationOf(settings: Settings): Config["rpc"]["implementation"] {
  const chosen = settings.text("rpc_impl");
  if (settings.flag("norpc") || chosen === "none") return "none";
  if (chosen === "grpc" || chosen === "http") return chosen;
  return isHttpUrl(settings.text("rpc_host")) ? "http" : "grpc";
}

function isHttpUrl(text: string): boolean {
  return /^\s*https?:\/\//iu.test(text);
}

function deriveGrpc({ settings, readFile, warn }: DeriveOptions, implementation: "grpc" | "none"): ByImplementation {
  const host = settings.text("rpc_host");
  const isTls = settings.flag("rpc_enable_tls") || settings.text("rpc_tls_root_ca") !== "";
  if (implementation === "grpc") {
    const { origin } = settings.get("rpc_host");
    if (isHttpUrl(host)) throw new CableError("config.invalid_value", `${origin} is a URL, and rpc_impl is grpc; one of them has to go`);
    const address = readRpcHost(host);
    if ("problem" in address) throw new CableError("config.invalid_value", `${origin} ${address.problem}`);
    if (!address.hasPort) warn(`${origin} has no port, so calls go to port 443`);
    if (settings.number("http_rpc_timeout") > 0) {
      warn(`${settings.get("http_rpc_timeout").origin} has no effect: calls go over gRPC; rpc_request_timeout limits them`);
    }
  }
  return {
    host,
    requestTimeoutMs: settings.number("rpc_request_timeout"),
    tls:
      isTls && implementation === "grpc" ? { verify: settings.flag("rpc_tls_verify"), rootCa: readRootCa(settings, readFile) } : undefined,
    http: undefined,
  };
}

function deriveHttp({ settings, readFile, warn }: DeriveOptions): ByImplementation {
  const { origin } = settings.get("rpc_host");
  const address = readRpcUrl(settings.text("rpc_host"));
  if ("problem" in address) throw new CableError("config.invalid_value", `${origin} ${address.problem}`);
  const { url, shown, isTls, isLocal, hasCredentials } = address;
  const key = keyOf(settings);
  if (key !== undefined && hasCredentials) {
    warn(
      `The user and password of ${origin} are not sent: the key for calls (http_rpc_secret, secret) takes their place; remove one of them`,
    );
  }
  if (key === undefined && !hasCredentials && !isLocal) {
    warn(`Calls to ${shown} carry no key, so whoever reaches that URL can make them too: set http_rpc_secret or secret, here and there`);
  }
  const unusedTls = ["rpc_enable_tls", "rpc_tls_root_ca"].filter((name) => settings.isGiven(name));
  if (!isTls && unusedTls.length > 0) warn(`${unusedTls.join(", ")}: no effect, because ${origin} is http://; write https://`);
  return {
    host: shown,
    requestTimeoutMs: httpTimeoutMs(settings, warn),
    tls: isTls ? { verify: settings.flag("rpc_tls_verify"), rootCa: readRootCa(settings, readFile) } : undefined,
    http: { url, key },
  };
}

function keyOf(settings: Settings): string | undefined {
  const given = settings.text("http_rpc_secret");
  const secret = realSecret(settings.text("secret"));
  return given === "" && secret !== undefined ? deriveKey(secret, "rpc-cable") : realSecret(given);
}

/** The old name wins, as in AnyCable: it is the more special one. */
function httpTimeoutMs(settings: Settings, warn: DeriveOptions["warn"]): number {
  const old = settings.number("http_rpc_timeout");
  if (old > 0) warn(`${settings.get("http_rpc_timeout").origin} is deprecated: use rpc_request_timeout`);
  return old || settings.number("rpc_request_timeout") || HTTP_REQUEST_TIMEOUT_MS;
}

function readRootCa(settings: Settings, readFile: DeriveOptions["readFile"]): string | undefined {
  const { origin } = settings.get("rpc_tls_root_ca");
  const text = settings.text("rpc_tls_root_ca");
  if (text === "") return undefined;
  const mark = "-----BEGIN CERTIFICATE-----";
  const pem = text.includes(mark) ? text : readFile(text);
  if (pem === undefined)
    throw new CableError("config.unreadable_file", `${origin}: there is no file ${JSON.stringify(text.slice(0, 200))}`);
  if (!pem.includes(mark)) throw new CableError("config.invalid_value", `${origin} has no certificate in PEM format`);
  return pem;
}
