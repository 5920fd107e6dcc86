import { expect, it } from "vitest";
import { readHttpEndpoint } from "../../../src/rpc/http-endpoint.ts";

it.each([
  ["http://localhost:3000/_anycable", "localhost", 3000, "localhost:3000", "/_anycable/connect", "http://localhost:3000/_anycable"],
  ["http://rails", "rails", 80, "rails", "/connect", "http://rails"],
  ["HTTPS://Rails.example:443/", "rails.example", 443, "rails.example", "/connect", "https://rails.example"],
  [" https://rails.example/a/b// ", "rails.example", 443, "rails.example", "/a/b/connect", "https://rails.example/a/b"],
  ["http://[::1]:3000/api", "::1", 3000, "[::1]:3000", "/api/connect", "http://[::1]:3000/api"],
  ["https://x.example/api?bypass=1&b=ü", "x.example", 443, "x.example", "/api/connect?bypass=1&b=%C3%BC", "https://x.example/api"],
  ["http://bücher.example/", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/connect", "http://xn--bcher-kva.example"],
])("reads %s", (text, hostname, port, host, path, shown) => {
  const endpoint = readHttpEndpoint(text);
  expect(endpoint).toMatchObject({ hostname, port, host, shown, basicCredentials: undefined, isTls: shown.startsWith("https") });
  expect(endpoint.pathOf("connect")).toBe(path);
});

it.each([
  ["http://user:p%40ss@rails/", "user:p@ss"],
  ["http://user@rails/", "user:"],
  ["http://:key@rails/", ":key"],
  ["http://100%25:50%@rails/", "100%:50%"],
])("takes the credentials of %s", (text, credentials) => {
  const { basicCredentials, shown, host } = readHttpEndpoint(text);
  expect(basicCredentials).toBe(`Basic ${Buffer.from(credentials).toString("base64")}`);
  expect([shown, host]).toEqual(["http://rails", "rails"]);
});

it.each(["", "rails:50051", "/path", "ws://s3cr3t@rails", "http://", "http://:s3cr3t@", "http://rails:99999"])(
  "refuses %j with the option's name, and does not repeat it",
  (text) => {
    const refusal = expect.objectContaining({
      code: "config.invalid_value",
      message: expect.stringMatching(/^rpc_host: /u) as string,
    }) as Error;
    expect(() => readHttpEndpoint(text)).toThrow(refusal);
    expect(() => readHttpEndpoint(text)).not.toThrow(/s3cr3t/u);
  },
);
