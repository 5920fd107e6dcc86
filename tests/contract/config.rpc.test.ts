import { describe, expect, it } from "vitest";
import { certificate } from "../fixtures/config/samples.ts";
import { load, type Loaded } from "../fixtures/config/load.ts";

const files = { "/app/ca.pem": certificate };
const rails = "--rpc_host=http://localhost:3000/_anycable";

function loaded(...argv: readonly string[]): Loaded {
  return load({ argv, files });
}

function rpcOf(...argv: readonly string[]): Loaded["config"]["rpc"] {
  return loaded(...argv).config.rpc;
}

function warningsOf(...argv: readonly string[]): readonly string[] {
  return loaded(...argv).warnings;
}

function refusalOf(...argv: readonly string[]): unknown {
  try {
    return loaded(...argv);
  } catch (error) {
    return error;
  }
}

describe("how the application is asked", () => {
  it.each([
    [[], "grpc"],
    [["--rpc_host=rails:50051"], "grpc"],
    [[rails], "http"],
    [["--rpc_host= HTTPS://rails.example/_anycable "], "http"],
    [[rails, "--rpc_impl=http"], "http"],
    [[rails, "--norpc"], "none"],
    [[rails, "--rpc_impl=none"], "none"],
  ] as const)("%j is %s", (argv, implementation) => {
    expect(rpcOf(...argv).implementation).toBe(implementation);
  });

  it("must fit the address", () => {
    expect(refusalOf(rails, "--rpc_impl=grpc")).toMatchObject({
      code: "config.invalid_value",
      message: "--rpc_host is a URL, and rpc_impl is grpc; one of them has to go",
    });
    for (const host of ["localhost:50051", "rails", "ftp://rails"]) {
      expect(refusalOf(`--rpc_host=${host}`, "--rpc_impl=http")).toMatchObject({
        code: "config.invalid_value",
        message: "--rpc_host is no URL such as http://localhost:3000/_anycable, and rpc_impl is http",
      });
    }
    expect(refusalOf("--rpc_impl=http")).toMatchObject({ code: "config.invalid_value" });
  });
});

describe("the URL for calls over HTTP", () => {
  it("is kept as it is, and shown without user, password and query", () => {
    const url = "https://u:s3cr3t@rails.example:8443/_anycable/?bypass=s3cr3t";
    expect(rpcOf(`--rpc_host=${url}`)).toMatchObject({ host: "https://rails.example:8443/_anycable", http: { url, key: undefined } });
    expect(rpcOf("--rpc_host=http://[::1]:3000").host).toBe("http://[::1]:3000");
    expect(rpcOf("--rpc_host=localhost:50051").http).toBeUndefined();
  });

  it.each([
    "http://",
    "http://u:s3cr3t@",
    "http://u:s3cr3t@rails:99999/",
    "http://u:s3cr3t@rails:0/",
    "http://rails/#s3cr3t",
    "http://u:s3#cr3t@rails/",
  ])("is refused when nothing can be there: %s", (url) => {
    const refusal = refusalOf(`--rpc_host=${url}`) as Error;
    expect(refusal).toMatchObject({ code: "config.invalid_value", message: expect.stringMatching(/^--rpc_host (?:is|has) /u) as string });
    expect(refusal.message).not.toContain("cr3t");
  });

  it("decides about TLS alone", () => {
    expect(rpcOf(rails).tls).toBeUndefined();
    expect(rpcOf("--rpc_host=https://rails").tls).toEqual({ verify: true, rootCa: undefined });
    expect(rpcOf("--rpc_host=https://rails", "--rpc_tls_verify=false", "--rpc_tls_root_ca=ca.pem").tls).toEqual({
      verify: false,
      rootCa: certificate,
    });
    expect(rpcOf(rails, "--rpc_enable_tls").tls).toBeUndefined();
    expect(warningsOf(rails, "--rpc_enable_tls", "--rpc_tls_root_ca=ca.pem")).toEqual([
      "rpc_enable_tls, rpc_tls_root_ca: no effect, because --rpc_host is http://; write https://",
    ]);
  });
});

describe("the key for calls over HTTP", () => {
  it("is the one given, else follows from the secret, else there is none", () => {
    expect(rpcOf(rails, "--http_rpc_secret=a", "--secret=qwerty").http?.key).toBe("a");
    // HMAC-SHA256 of "rpc-cable" with the key "qwerty", by another implementation.
    expect(rpcOf(rails, "--secret=qwerty").http?.key).toBe("57c40610d142fe7d7999be4e23dfba4f42c3c542e1f278063e8e3b6a30b0c2bd");
    expect(rpcOf(rails).http?.key).toBeUndefined();
    expect(rpcOf(rails, "--secret=none").http?.key).toBeUndefined();
    expect(rpcOf(rails, "--http_rpc_secret=none", "--secret=qwerty").http?.key).toBeUndefined();
    expect(rpcOf(rails, "--public", "--secret=qwerty").http?.key).toBeDefined();
  });

  it("is missed where others could make calls, with a warning", () => {
    const remote = "--rpc_host=https://rails.example/_anycable";
    expect(warningsOf(remote)).toEqual([expect.stringContaining("Calls to https://rails.example/_anycable carry no key")]);
    expect(warningsOf(remote, "--secret=x")).toEqual([]);
    expect(warningsOf("--rpc_host=https://u:p@rails.example/_anycable")).toEqual([]);
    for (const local of [rails, "--rpc_host=http://127.0.0.1:3000", "--rpc_host=http://[::1]:3000"]) expect(warningsOf(local)).toEqual([]);
  });

  it("takes the place of user and password, with a warning", () => {
    expect(warningsOf("--rpc_host=http://u:p@localhost", "--secret=x")).toEqual([expect.stringContaining("are not sent")]);
  });
});

describe("the time for one attempt", () => {
  it("is limited over HTTP in any case", () => {
    expect(rpcOf().requestTimeoutMs).toBe(0);
    expect(rpcOf(rails).requestTimeoutMs).toBe(3000);
    expect(rpcOf(rails, "--rpc_request_timeout=500").requestTimeoutMs).toBe(500);
  });

  it("has an old name for HTTP, which is the stronger one and means nothing else", () => {
    expect(rpcOf(rails, "--rpc_request_timeout=500", "--http_rpc_timeout=700").requestTimeoutMs).toBe(700);
    expect(warningsOf(rails, "--http_rpc_timeout=700")).toEqual(["--http_rpc_timeout is deprecated: use rpc_request_timeout"]);
    expect(rpcOf("--http_rpc_timeout=700").requestTimeoutMs).toBe(0);
    expect(warningsOf("--http_rpc_timeout=700")).toEqual([expect.stringContaining("has no effect: calls go over gRPC")]);
    expect(warningsOf("--http_rpc_timeout=700", "--norpc")).toEqual([]);
  });
});
