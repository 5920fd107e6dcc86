import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { trustedProxies } from "../../../src/http/proxies.ts";

const proxies = trustedProxies(["loopback", "10.0.0.0/8", "2001:db8::/32"]);

function from(remoteAddress: string | undefined, headers: IncomingHttpHeaders): IncomingMessage {
  return { headers, socket: { remoteAddress } } as IncomingMessage;
}

describe("the client's address", () => {
  it.each([
    ["is the peer's without a header", "127.0.0.1", undefined, "127.0.0.1"],
    ["is what the proxy saw", "127.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["is the peer's when we don't trust it", "203.0.113.1", "198.51.100.7", "203.0.113.1"],
    ["is not what the client claims", "127.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
    ["is found behind several proxies of ours", "::ffff:10.0.0.1", "1.1.1.1,203.0.113.9 , 10.1.1.1,2001:db8::5", "203.0.113.9"],
    ["is the outermost of ours when all are", "127.0.0.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"],
    ["may have a port", "127.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
    ["may be IPv6", "127.0.0.1", "2001:db9::1", "2001:db9::1"],
    ["may be IPv6 in brackets", "127.0.0.1", "[2001:db9::1]", "2001:db9::1"],
    ["may be IPv6 with a port", "127.0.0.1", "[2001:db9::1]:443", "2001:db9::1"],
    ["may be IPv4 written as IPv6", "127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"],
    ["is the last that makes sense", "127.0.0.1", "203.0.113.9, unknown, 10.2.2.2", "10.2.2.2"],
    ["is the peer's when nothing makes sense", "127.0.0.1", "for=203.0.113.9", "127.0.0.1"],
    ["is the peer's when the header is empty", "127.0.0.1", "", "127.0.0.1"],
    ["is the peer's when the header is only commas", "127.0.0.1", ",,,", "127.0.0.1"],
    ["survives a comma in front", "127.0.0.1", ",203.0.113.9", "203.0.113.9"],
    ["is looked for behind so many proxies and no more", "127.0.0.1", `203.0.113.9${", 10.1.1.1".repeat(40)}`, "10.1.1.1"],
    ["is unknown without a peer", undefined, "203.0.113.9", ""],
  ])("%s", (_what, peer, header, expected) => {
    const headers = header === undefined ? {} : { "x-forwarded-for": header };
    expect(proxies.clientAddress(from(peer, headers))).toBe(expected);
  });
});

describe("scheme and host", () => {
  it.each([
    ["https, example.com", { "x-forwarded-proto": "https", "x-forwarded-host": "example.com" }, { scheme: "https", host: "example.com" }],
    ["the scheme of WebSockets", { "x-forwarded-proto": "wss" }, { scheme: "https" }],
    ["the first scheme", { "x-forwarded-proto": "HTTPS , http" }, { scheme: "https" }],
    ["the last host", { "x-forwarded-host": "claimed.example, real.example:8443" }, { host: "real.example:8443" }],
    ["IPv6", { "x-forwarded-host": "[::1]:8080" }, { host: "[::1]:8080" }],
    ["no scheme that we don't know", { "x-forwarded-proto": "constructor" }, {}],
    ["no host that is a path", { "x-forwarded-host": "example.com/path" }, {}],
    ["no host with a name in front", { "x-forwarded-host": "user@example.com" }, {}],
    ["nothing empty", { "x-forwarded-proto": "", "x-forwarded-host": "a," }, {}],
    ["nothing", {}, {}],
  ])("are taken from a proxy of ours: %s", (_what, headers, expected) => {
    expect(proxies.forwarded(from("127.0.0.1", headers))).toEqual(expected);
    expect(proxies.forwarded(from("203.0.113.1", headers))).toEqual({});
  });
});
