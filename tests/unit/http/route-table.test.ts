import { describe, expect, it } from "vitest";
import { CableError } from "../../../src/errors.ts";
import { RouteTable, type Route } from "../../../src/http/route-table.ts";

function tableOf(...paths: string[]): (target: string) => string | undefined {
  const table = new RouteTable();
  const names = new Map<Route["request"], string>();
  for (const path of paths) {
    const handler = (): void => {};
    names.set(handler, path);
    table.request(path, handler);
  }
  return (target) => {
    const route = table.find(target);
    return typeof route === "object" ? names.get(route.request) : route;
  };
}

describe("route table", () => {
  it.each([
    ["/cable", "/cable", true],
    ["/cable", "/cable?pi=3&sid=a/b", true],
    ["/cable", "/cable/", false],
    ["/cable", "/CABLE", false],
    ["/cable", "/cables", false],
    ["/cable", "/c%61ble", true],
    ["/", "/", true],
    ["/", "/x", false],
    ["/{tenant}/cable", "/acme/cable", true],
    ["/{tenant}/cable", `/${"x".repeat(5_000)}/cable`, true],
    ["/{tenant}/cable", "/a/b/cable", false],
    ["/{tenant}/cable", "/%F0%9F%92%AC/cable", true],
    ["/{tenant}/cable", "/a%2Fb/cable", true],
    ["/cable/{id:[0-9]+}", "/cable/12", true],
    ["/cable/{id:[0-9]+}", "/cable/12a", false],
    ["/cable/{id:[0-9]{2,3}}", "/cable/123", true],
    ["/cable/{id:[0-9]{2,3}}", "/cable/1", false],
    ["/cable/{kind:(?:a|b)c}", "/cable/bc", true],
    ["/{a}.{b}/x", "/one.two/x", true],
    ["/{a}.{b}/x", "/one/x", false],
    ["/v{version}/cable", "/v2/cable", true],
    ["/v{version}/cable", "/v/cable", false],
    ["/{id}cable", "/12cable", true],
    ["/ws/*", "/ws/a/b", true],
    ["/ws/*", "/ws/", true],
    ["/ws/*", "/ws", false],
    ["/*", "/", true],
    ["/*", "/anything/at/all", true],
    ["/a:b", "/a:b", true],
    ["/a:b", "/axb", false],
    ["/a(b)", "/a(b)", true],
    ["/cable", "http://host/cable", true],
    ["/cable", "*", false],
    ["/cable", "", false],
  ])("%s and %s: %s", (path, target, matches) => {
    expect(tableOf(path)(target) === path).toBe(matches);
  });

  it("prefers fixed text to patterns, and patterns to the rest", () => {
    const find = tableOf("/*", "/{tenant}/cable", "/{id:[0-9]+}/cable", "/admin/cable");
    expect(find("/admin/cable")).toBe("/admin/cable");
    expect(find("/7/cable")).toBe("/{id:[0-9]+}/cable");
    expect(find("/acme/cable")).toBe("/{tenant}/cable");
    expect(find("/acme/other")).toBe("/*");
  });

  it.each(["/%", "/%zz", "/%e0%a4", "http:///cable", "//%"])("knows that %s is malformed", (target) => {
    expect(tableOf("/*")(target)).toBe("malformed");
  });

  it.each(["", "cable", "/{a", "/a}", "/a/*/b", "/a?b", "/a#b", "/{id:[0-9}", "/{id:(x+x+)+y}"])(
    "refuses the path %j, naming it",
    (path) => {
      expect(() => new RouteTable().request(path, () => {})).toThrow(CableError);
      expect(() => new RouteTable().request(path, () => {})).toThrow(`"${path}"`);
    },
  );

  it("takes one request handler and one upgrade handler for a path, however its parameters are called", () => {
    const table = new RouteTable();
    const request = (): void => {};
    const upgrade = (): void => {};
    table.request("/{tenant}/cable", request);
    table.upgrade("/{name}/cable", upgrade);
    expect(table.find("/acme/cable")).toEqual({ request, upgrade });
    expect(() => table.request("/{other}/cable", () => {})).toThrow(/used twice/);
    expect(() => table.upgrade("/{tenant}/cable", () => {})).toThrow(/used twice/);
  });
});
