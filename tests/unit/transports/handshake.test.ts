import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { trustedProxies } from "../../../src/http/proxies.ts";
import { requestHandshake } from "../../../src/transports/handshake.ts";

function request(url: string, headers: IncomingHttpHeaders = {}, socket: object = {}): IncomingMessage {
  return { url, headers: { host: "cable.test:8080", ...headers }, socket: { remoteAddress: "10.0.0.1", ...socket } } as IncomingMessage;
}

const encrypted = { encrypted: true };
const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "public.test", "x-forwarded-for": "203.0.113.9" };

describe("the URL", () => {
  it.each([
    ["a path", request("/cable?a=1"), "http://cable.test:8080/cable?a=1"],
    ["a path over TLS", request("/cable", {}, encrypted), "https://cable.test:8080/cable"],
    ["a path with // in front", request("//elsewhere.test/cable"), "http://cable.test:8080//elsewhere.test/cable"],
    ["a path without a host", request("/cable", { host: undefined }), "http://localhost/cable"],
    ["an absolute target, whose host counts", request("http://other.test/cable?a=1"), "http://other.test/cable?a=1"],
    ["an absolute target, whose scheme does not", request("https://other.test:1/cable"), "http://other.test:1/cable"],
    ["an absolute target over TLS", request("HTTP://other.test/cable", {}, encrypted), "https://other.test/cable"],
    ["an absolute target without a path", request("http://other.test?a=1"), "http://other.test/?a=1"],
    ["what a client claims", request("/cable", forwarded), "http://cable.test:8080/cable"],
  ])("of %s", (_what, asked, url) => expect(requestHandshake(asked, "").url).toBe(url));

  it.each([
    ["a path", request("/cable?a=1", forwarded), "https://public.test/cable?a=1"],
    ["an absolute target", request("http://other.test/cable", forwarded), "https://public.test/cable"],
    ["one that told the scheme alone", request("/cable", { "x-forwarded-proto": "https" }), "https://cable.test:8080/cable"],
    [
      "one that ends no TLS in front of our own",
      request("/cable", { "x-forwarded-proto": "http" }, encrypted),
      "http://cable.test:8080/cable",
    ],
  ])("behind a trusted proxy is the client's: %s", (_what, asked, url) =>
    expect(requestHandshake(asked, "", trustedProxies(["private"])).url).toBe(url),
  );

  it("behind another proxy is that proxy's", () => {
    expect(requestHandshake(request("/cable", forwarded), "", trustedProxies(["10.0.0.2"])).url).toBe("http://cable.test:8080/cable");
  });
});

describe("the address", () => {
  it("is the client's behind a trusted proxy, else the peer's", () => {
    const asked = request("/cable", forwarded);
    expect(requestHandshake(asked, "").remoteAddress).toBe("10.0.0.1");
    expect(requestHandshake(asked, "", trustedProxies(["10.0.0.0/30"])).remoteAddress).toBe("203.0.113.9");
    expect(requestHandshake(asked, "", trustedProxies(["loopback"])).remoteAddress).toBe("10.0.0.1");
  });
});
