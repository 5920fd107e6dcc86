import { describe, expect, it } from "vitest";
import type { CableError } from "../../src/errors.ts";
import { load, type Loaded } from "../fixtures/config/load.ts";
import { certificate, privateKey } from "../fixtures/config/samples.ts";

const files = { "/app/ca.pem": certificate, "/app/cert.pem": certificate, "/app/key.pem": privateKey, "/app/text.pem": "s3cr3t" };

function of(...argv: readonly string[]): Loaded {
  return load({ argv: ["--broadcast_adapter=redis", ...argv], files });
}

function refusal(...argv: readonly string[]): CableError {
  try {
    of(...argv);
  } catch (error) {
    return error as CableError;
  }
  throw new Error("it was accepted");
}

describe("readiness", () => {
  it("depends on Redis when somebody asked for it", () => {
    const isRequired = (...argv: readonly string[]): boolean => load({ argv }).config.redis.isRequired;
    expect(isRequired()).toBe(false);
    expect(isRequired("--broadcast_adapter=http,redis")).toBe(true);
    expect(isRequired("--redis_url=redis://localhost:6379")).toBe(true);
    expect(isRequired("--redis_sentinels=a:26379")).toBe(true);
    expect(isRequired("--redis_url=redis://cache", "--broadcast_adapter=http", "--pubsub=none")).toBe(false);
    expect(isRequired("--redis_url=redis://cache", "--broadcast_adapter=http")).toBe(true);
    for (const argument of ["--pubsub=redis", "--broker=redis", "--broadcast_adapter=redisx"]) expect(isRequired(argument)).toBe(true);
    expect(load({ env: { REDIS_URL: "redis://cache" } }).config.redis.isRequired).toBe(true);
  });
});

describe("what is set for others", () => {
  it("is none of our business when nothing uses Redis", () => {
    const env = {
      REDIS_URL: "http://:s3cr3t@x",
      ANYCABLE_REDIS_SENTINELS: "a:port",
      ANYCABLE_REDIS_TLS_CA_CERT_PATH: "/none.pem",
      ANYCABLE_REDIS_TLS_VERIFY: "true",
    };
    expect(load({ env, argv: ["--broadcast_adapter=http", "--pubsub=none"] }).warnings).toEqual([]);
    for (const argv of [[], ["--broadcast_adapter=http"], ["--broadcast_adapter=http", "--pubsub=none", "--broker=redis"]]) {
      expect(() => load({ env, argv })).toThrow('REDIS_URL has the scheme "http"');
    }
  });
});

describe("a wrong address", () => {
  it.each([
    ["--redis_url=ftp://:s3cr3t@x", /^--redis_url has the scheme "ftp"; redis:\/\/, rediss:\/\/ \(TLS\) and unix:\/\/ are known$/],
    ["--redis_url=redis://a,redis://:s3cr3t@b:99999", /^--redis_url is no URL/],
    ["--redis_sentinels=a:1,http://:s3cr3t@b", /^--redis_sentinels has the scheme "http"/],
  ])("stops the start: %s", (argument, message) => {
    const error = refusal(argument);
    expect(error).toMatchObject({ code: "config.invalid_value", message: expect.stringMatching(message) });
    expect(error.message).not.toContain("s3cr3t");
  });
});

describe("files for TLS", () => {
  it.each([
    ["--redis_tls_ca_cert_path=none.pem", "config.unreadable_file", 'there is no file "none.pem"'],
    ["--redis_tls_client_cert_path=text.pem", "config.invalid_value", "has no certificate in PEM format"],
    ["--redis_tls_client_cert_path=key.pem", "config.invalid_value", "has no certificate in PEM format"],
    ["--redis_tls_client_key_path=cert.pem", "config.invalid_value", "has no private key in PEM format"],
  ])("have to be there: %s", (argument, code, text) => {
    const error = refusal("--redis_url=rediss://cache", argument);
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
    expect(error.message).toContain(argument.split("=")[0]);
    expect(error.message).not.toContain("s3cr3t");
  });

  it("are not looked at without TLS", () => {
    expect(of("--redis_url=redis://cache", "--redis_tls_ca_cert_path=none.pem").config.redis.tls.caPath).toBe("none.pem");
  });
});

describe("warnings", () => {
  const secure = ["--redis_url=rediss://cache", "--redis_tls_verify", "--redis_tls_ca_cert_path=ca.pem"];
  const mine = ["--redis_tls_client_cert_path=cert.pem", "--redis_tls_client_key_path=key.pem"];

  it.each([
    ["plain text", ["--redis_url=redis://cache"]],
    ["a checked certificate", secure],
    ["one shown, too", [...secure, ...mine]],
    ["a certificate that is knowingly not checked", ["--redis_url=rediss://cache", "--redis_tls_verify=false"]],
    ["TLS to sentinels and master", ["--redis_url=rediss://m", "--redis_tls_verify", "--redis_sentinels=rediss://a:1"]],
  ])("are not for %s", (_what, argv) => {
    expect(of(...argv).warnings).toEqual([]);
  });

  it.each([
    [
      "TLS files without TLS",
      [...secure, "--redis_url=redis://cache"],
      /^redis_tls_ca_cert_path, redis_tls_verify: without effect.*not encrypted/,
    ],
    ["TLS without a check", ["--redis_url=rediss://cache"], /^Redis's certificate is not checked.*set redis_tls_verify/],
    [
      "an authority without a check",
      ["--redis_url=rediss://cache", "--redis_tls_ca_cert_path=ca.pem"],
      /^redis_tls_ca_cert_path is without effect while/,
    ],
    ["a certificate without key", [...secure, mine[0]!], /^No client certificate.*redis_tls_client_key_path is missing/],
    ["a key without certificate", [...secure, mine[1]!], /^No client certificate.*redis_tls_client_cert_path is missing/],
    [
      "AnyCable's way of TLS with sentinels",
      ["--redis_url=m", "--redis_tls_verify", "--redis_sentinels=rediss://a:1"],
      /^rediss:\/\/ in redis_sentinels alone means TLS to the master and none to the sentinels, as in AnyCable/,
    ],
  ])("are for %s", (_what, argv, warning) => {
    const last = new Map(argv.map((argument) => [argument.split("=")[0], argument]));
    expect(of(...last.values()).warnings).toEqual([expect.stringMatching(warning)]);
  });
});
