import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { originMatcher } from "../../../src/http/origin-list.ts";
import { originPolicy, type OriginVerdict } from "../../../src/http/origin.ts";
import { isSameSite } from "../../../src/http/same-site.ts";
import { silentLogger } from "../../../src/logger.ts";
import { recordedLog } from "../../support/recorded-log.ts";

describe("origin list", () => {
  it.each<[string, string | undefined, boolean]>([
    ["example.io", "https://example.io", true],
    ["example.io", "http://example.io", true],
    ["example.io", "https://EXAMPLE.io", true],
    ["EXAMPLE.IO", "https://example.io", true],
    ["example.io", "https://a.example.io", false],
    ["example.io", "https://example.io.evil.com", false],
    ["example.io", "https://example.io@evil.com", false],
    ["example.io", "https://evil.com/example.io", false],
    ["example.io", "https://example.io:8443", false],
    ["example.io:8443", "https://example.io:8443", true],
    ["example.io:8443", "https://example.io", false],
    ["*example.io", "https://example.io", true],
    ["*example.io", "https://a.example.io", true],
    ["*example.io", "https://a.b.example.io", true],
    ["*example.io", "https://evilexample.io", false],
    ["*example.io", "https://example.io:3000", false],
    ["*example.io:3000", "https://a.example.io:3000", true],
    ["*example.io:3000", "https://evilexample.io:3000", false],
    ["*.example.io", "https://a.example.io", true],
    ["*.example.io", "https://example.io", false],
    ["*.example.io", "https://evilexample.io", false],
    ["*-preview.example.io", "https://pr-1-preview.example.io", true],
    ["*:3000", "http://anything:3000", true],
    ["*", "https://anything.at.all:81", true],
    ["*", "null", true],
    ["*", "not an origin", true],
    ["*", undefined, true],
    ["*example.io", "null", false],
    ["*example.io", undefined, false],
    ["*example.io", "", false],
    ["*example.io", "example.io", false],
    ["*example.io", "https://", false],
    ["*example.io", "https://example.io https://evil.com", false],
    ["*example.io", "https://evil.com, https://example.io", false],
    ["localhost:3000", "http://localhost:3000", true],
    ["[::1]:3000", "http://[::1]:3000", true],
    ["127.0.0.1", "http://127.0.0.1", true],
    ["https://example.io", "https://example.io", true],
    ["https://example.io", "http://example.io", false],
    ["https://example.io/", "https://example.io", true],
    ["https://*example.io", "https://a.example.io", true],
    ["https://*example.io", "https://evilexample.io", false],
    ["localhost", "capacitor://localhost", true],
    [" example.io ", "https://example.io", true],
    ["", "https://example.io", false],
    ["", undefined, false],
  ])("%j against %j: %s", (entry, origin, matches) => {
    expect(originMatcher([entry])(origin)).toBe(matches);
    expect(originMatcher(["", "other.org", entry, ""])(origin)).toBe(matches);
  });
});

describe("same site", () => {
  it.each([
    ["example.com", "example.com", true],
    ["a.example.com", "b.example.com", true],
    ["example.com", "a.b.example.com:8080", true],
    ["example.com", "example.org", false],
    ["example.com", "evilexample.com", false],
    ["example.com", "example.com.evil.org", false],
    ["EXAMPLE.com", "a.example.COM", true],
    ["example.com.", "a.example.com", true],
    ["a.co.uk", "b.co.uk", false],
    ["www.a.co.uk", "ws.a.co.uk", true],
    ["me.github.io", "you.github.io", false],
    ["me.github.io", "me.github.io", true],
    ["a.me.github.io", "b.me.github.io", true],
    ["github.io", "me.github.io", false],
    ["one.herokuapp.com", "two.herokuapp.com", false],
    ["localhost:3000", "localhost:8080", true],
    ["localhost", "127.0.0.1", false],
    ["cable", "web", false],
    ["app.internal", "cable.app.internal", true],
    ["192.168.1.5", "192.168.1.5:8080", true],
    ["192.168.1.5", "192.168.1.6", false],
    ["1.2.3.4", "9.9.3.4", false],
    ["[::1]:3000", "[::1]", true],
    ["[::1]", "[0:0:0:0:0:0:0:1]:80", true],
    ["[::1]", "[::2]", false],
    ["münchen.de", "a.xn--mnchen-3ya.de", true],
    ["com", "com", true],
    ["a.com", "b.com", false],
    ["", "", false],
    ["exa mple.com", "exa mple.com", false],
    ["example.com@evil.org", "evil.org", false],
    ["evil.org/example.com", "evil.org", false],
    ["evil.org?.example.com", "evil.org", false],
    ["evil.org#.example.com", "evil.org", false],
    ["evil.org\\.example.com", "evil.org", false],
  ])("%j and %j: %s", (one, other, same) => {
    expect(isSameSite(one, other)).toBe(same);
    expect(isSameSite(other, one)).toBe(same);
  });
});

describe("origin policy", () => {
  const request = (headers: Record<string, string>): IncomingMessage => ({ headers }) as unknown as IncomingMessage;
  const judge = (headers: Record<string, string>, allowedOrigins: string[] = []): OriginVerdict =>
    originPolicy({ allowedOrigins, logger: silentLogger })(request(headers));
  const cookie = "session=1";

  it.each<[string, Record<string, string>, boolean]>([
    ["the same host", { origin: "https://app.example.com", host: "app.example.com", cookie }, true],
    ["a sibling", { origin: "https://app.example.com", host: "cable.example.com:8443", cookie }, true],
    ["plain http", { origin: "http://app.example.com:3000", host: "cable.example.com", cookie }, true],
    ["another site", { origin: "https://evil.org", host: "cable.example.com", cookie }, false],
    ["another site without cookies", { origin: "https://evil.org", host: "cable.example.com" }, true],
    ["a neighbour on shared hosting", { origin: "https://evil.github.io", host: "app.github.io", cookie }, false],
    ["no browser", { host: "cable.example.com", cookie }, true],
    ["an opaque origin", { origin: "null", host: "cable.example.com", cookie }, false],
    ["an opaque origin without cookies", { origin: "null", host: "cable.example.com" }, true],
    ["a file", { origin: "file://", host: "cable.example.com", cookie }, false],
    ["nonsense", { origin: "https://", host: "cable.example.com", cookie }, false],
    ["two origins", { origin: "https://app.example.com, https://evil.org", host: "cable.example.com", cookie }, false],
    ["no host", { origin: "https://evil.org", cookie }, false],
    ["a malformed host", { origin: "https://evil.org", host: "evil.org/example.com", cookie }, false],
    [
      "a proxy that tells",
      { origin: "https://app.example.com", host: "cable.internal", "x-forwarded-host": "cable.example.com", cookie },
      true,
    ],
    [
      "a chain of proxies",
      { origin: "https://app.example.com", host: "10.0.0.1", "x-forwarded-host": "cable.example.com, edge.internal", cookie },
      true,
    ],
    [
      "another site through a proxy that tells",
      { origin: "https://evil.org", host: "10.0.0.1", "x-forwarded-host": "cable.example.com", cookie },
      false,
    ],
    ["a proxy that hides the name behind an address", { origin: "https://app.example.com", host: "10.0.0.1:8080", cookie }, true],
    ["… an IPv6 address", { origin: "https://app.example.com", host: "[fd00::1]:8080", cookie }, true],
    ["… localhost", { origin: "https://app.example.com", host: "localhost:8080", cookie }, true],
    ["two ports of localhost", { origin: "http://localhost:3000", host: "localhost:8080", cookie }, true],
  ])("without a list: %s", (_, headers, allowed) => {
    expect(judge(headers).allowed).toBe(allowed);
  });

  it("warns once when it can't compare", () => {
    const log = recordedLog();
    const policy = originPolicy({ allowedOrigins: [" ", ""], logger: log.logger });
    policy(request({ origin: "http://localhost:3000", host: "localhost:8080", cookie }));
    expect(log.lines).toEqual([]);
    for (let times = 0; times < 3; times++) policy(request({ origin: "https://app.example.com", host: "10.0.0.1", cookie }));
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({ level: "warn", message: expect.stringContaining("allowed_origins") as string });
  });

  it.each<[string, Record<string, string>, boolean]>([
    ["a listed origin", { origin: "https://a.example.io", host: "cable.other.org", cookie }, true],
    ["an origin that is not listed", { origin: "https://cable.other.org", host: "cable.other.org" }, false],
    ["no origin", { host: "cable.other.org" }, false],
    ["an opaque origin", { origin: "null", host: "cable.other.org" }, false],
  ])("with a list: %s", (_, headers, allowed) => {
    expect(judge(headers, ["*example.io"]).allowed).toBe(allowed);
  });

  it("with * lets everybody in", () => {
    expect(judge({ origin: "https://evil.org", host: "cable.example.com", cookie }, ["*"]).allowed).toBe(true);
    expect(judge({ host: "cable.example.com" }, ["*"]).allowed).toBe(true);
  });

  it("names the option in every refusal, and keeps what it quotes short", () => {
    const long = `https://${"a".repeat(10_000)}.org`;
    for (const list of [[], ["example.io"]]) {
      const verdict = judge({ origin: long, host: "cable.example.com", cookie }, list);
      expect(verdict).toEqual({ allowed: false, why: expect.stringContaining("allowed_origins") as string });
      expect(JSON.stringify(verdict).length).toBeLessThan(600);
    }
    expect(judge({ host: "x" }, ["example.io"])).toEqual({ allowed: false, why: expect.stringContaining("no Origin") as string });
  });
});
