import { describe, expect, it } from "vitest";
import { clientEnvOf, type ProxiedParts, type RequestParts } from "../../../src/rpc/request-env.ts";

function requestWith(headers: Readonly<Record<string, string>>, remoteAddress = "192.0.2.1"): RequestParts {
  return { url: "http://example.test/cable?a=1", header: (name) => headers[name], remoteAddress };
}

const all: ProxiedParts = { headers: ["cookie", "x-forwarded-for", "authorization"], cookies: undefined };

describe("clientEnvOf", () => {
  it("takes the listed headers that are there, in the order of the list, and the address", () => {
    const request = requestWith({ authorization: "Bearer x", cookie: "a=1", "user-agent": "not listed", "x-forwarded-for": "" });
    const { url, headers } = clientEnvOf(request, all);
    expect(url).toBe("http://example.test/cable?a=1");
    expect([...headers]).toEqual([
      ["cookie", "a=1"],
      ["authorization", "Bearer x"],
      ["REMOTE_ADDR", "192.0.2.1"],
    ]);
  });

  it("keeps all cookies as they came without a list", () => {
    const cookie = ' a=1 ;b="2=3";;c';
    expect(clientEnvOf(requestWith({ cookie }), all).headers.get("cookie")).toBe(cookie);
  });

  it.each([
    ["every position, not only the first", "a=1; b=2; c=3; d=4", ["b", "d"], "b=2; d=4"],
    ["their order, and repeated ones", "b=1; a=2; b=3", ["a", "b"], "b=1; a=2; b=3"],
    ["values with =", "session=aGk=; token=a=b==; x=1", ["session", "token"], "session=aGk=; token=a=b=="],
    ["quoted and empty values", 'q="a b, c"; e=; x=1', ["q", "e"], 'q="a b, c"; e='],
    ["spaces of any kind around parts", "a=1;b=2 ;\tc=3;  d = 4", ["a", "b", "c", "d"], "a=1; b=2; c=3; d = 4"],
    ["names to the letter", "Session=1; session=2; __proto__=3; sessions=4", ["session", "__proto__"], "session=2; __proto__=3"],
    ["nothing that has no name", "session; =1; ; a=2", ["session", "a", ""], "a=2"],
  ])("filters cookies by name: %s", (_what, cookie, names, kept) => {
    expect(clientEnvOf(requestWith({ cookie }), { ...all, cookies: new Set(names) }).headers.get("cookie")).toBe(kept);
  });

  it("leaves the header out when no cookie is left", () => {
    expect([...clientEnvOf(requestWith({ cookie: "a=1" }), { ...all, cookies: new Set(["b"]) }).headers.keys()]).toEqual(["REMOTE_ADDR"]);
  });

  it("filters no other header", () => {
    const request = requestWith({ authorization: "a=1; b=2" });
    expect(clientEnvOf(request, { ...all, cookies: new Set(["a"]) }).headers.get("authorization")).toBe("a=1; b=2");
  });

  it.each([
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["::ffff:c000:201", "::ffff:c000:201"],
  ])("writes the address %s as %s", (remoteAddress, written) => {
    expect(clientEnvOf(requestWith({}, remoteAddress), all).headers.get("REMOTE_ADDR")).toBe(written);
  });
});
