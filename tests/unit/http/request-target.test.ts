import { expect, it } from "vitest";
import { readTarget } from "../../../src/http/request-target.ts";

it.each([
  ["/", [""], ""],
  ["/a/b", ["a", "b"], ""],
  ["/a%2Fb/%C3%A9?x=1&y=a%20b#z", ["a%2Fb", "%C3%A9"], "x=1&y=a+b"],
  ["/a?b?c/d", ["a"], "b%3Fc%2Fd="],
  ["/a#b?c", ["a"], ""],
  ["//a//", ["", "a", "", ""], ""],
  // What proxies may send.
  ["http://host:80/a/b?x=1", ["a", "b"], "x=1"],
  ["http://host", [], ""],
  // A name of a stream with something like a scheme in it.
  ["/a/http://b/c", ["a", "http:", "", "b", "c"], ""],
])("%s has its segments and its query", (url, segments, query) => {
  const target = readTarget(url);
  expect(target.segments).toEqual(segments);
  expect(target.query.toString()).toBe(query);
});
