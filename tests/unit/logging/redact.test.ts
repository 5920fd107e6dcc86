import { describe, expect, it } from "vitest";
import { printableFields } from "../../../src/logging/fields.ts";
import { isSecretName, redactText } from "../../../src/logging/redact.ts";

describe("names", () => {
  it.each([
    "secret",
    "rpcSecret",
    "streams_secret",
    "access-token",
    "authToken",
    "PASSWORD",
    "Authorization",
    "set-cookie",
    "jid",
    "x-jid",
    "userJwt",
    "api_key",
    "apiKey",
    "credentials",
  ])("%s is secret", (name) => expect(isSecretName(name)).toBe(true));

  it.each(["sid", "stream", "identifier", "reason", "hijide", "channel", "key", "url", "count"])("%s is not", (name) =>
    expect(isSecretName(name)).toBe(false),
  );
});

describe("fields", () => {
  it("masks by name at any depth, in maps and in lists, whatever the value is", () => {
    expect(
      printableFields({
        token: "abc",
        password: 1234,
        secretKey: { a: 1 },
        hasSecret: true,
        secret: "",
        headers: new Map([
          ["cookie", "a=b"],
          ["accept", "*/*"],
        ]),
        list: [{ jid: "x", id: 1 }],
      }),
    ).toEqual({
      token: "[redacted]",
      password: "[redacted]",
      secretKey: "[redacted]",
      hasSecret: true,
      secret: "",
      headers: { cookie: "[redacted]", accept: "*/*" },
      list: [{ jid: "[redacted]", id: 1 }],
    });
  });

  it("masks inside text, errors and URLs", () => {
    expect(
      printableFields({
        target: new URL("redis://user:pw@host:6379/1"),
        error: new Error("GET /cable?jid=abc.def failed", { cause: new Error("at https://x:y@h/") }),
      }),
    ).toMatchObject({ target: "redis://[redacted]@host:6379/1", error: "GET /cable?jid=[redacted] failed <- at https://[redacted]@h/" });
  });
});

describe("text", () => {
  it.each([
    ["redis://:p@ss@host:1,redis://a:b@h2", "redis://[redacted]@host:1,redis://[redacted]@h2"],
    ["rediss://token@host", "rediss://[redacted]@host"],
    ["ws://h/cable?a=1&jid=e.y.J&b=2#c", "ws://h/cable?a=1&jid=[redacted]&b=2#c"],
    ["/cable?TOKEN=x y", "/cable?TOKEN=[redacted] y"],
    ["/cable?%6Aid=x", "/cable?%6Aid=[redacted]"],
    ["/cable?access_token=x;id=3", "/cable?access_token=[redacted];id=3"],
    ["authorization: Bearer abcd.efg-h", "authorization: Bearer [redacted]"],
    ["got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "got [redacted]!"],
    [`{"signed_stream_name":"ImEi--${"0f".repeat(32)}"}`, '{"signed_stream_name":"ImEi--[redacted]"}'],
  ])("%s", (text, safe) => expect(redactText(text)).toBe(safe));

  it.each(["http://host:8080/cable", "mail a@b.c", "/cable?id=1&stream=a%zz=b", "http://host/path?mail=a@b.c"])("leaves %s alone", (text) =>
    expect(redactText(text)).toBe(text),
  );

  it("does not let a secret through by being long", () => {
    expect(redactText(`${"x".repeat(100_000)}?jid=hidden`)).not.toContain("hidden");
    expect(redactText(`redis://${"u".repeat(2_000)}:pw@host`)).toBe("redis://[redacted]@host");
  });
});
