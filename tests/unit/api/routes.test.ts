import { describe, expect, it } from "vitest";
import { apiRoutes, findOperation } from "../../../src/api/routes.ts";

function find(path: string): string | undefined {
  const found = findOperation(path.split("/"));
  return found && `${found.operation} ${found.stream}`.trimEnd();
}

describe("an operation of the API", () => {
  it.each([
    ["publish", "publish"],
    ["node", "node"],
    ["presence/chat/users", "presenceUsers chat"],
    ["streams/chat/history", "streamHistory chat"],
    ["presence/chat%2F1/users", "presenceUsers chat/1"],
    ["presence/%F0%9F%92%AC%20%25/users", "presenceUsers 💬 %"],
    ["presence/a+b/users", "presenceUsers a+b"],
    // A proxy decoded it.
    ["presence/chat/1/users", "presenceUsers chat/1"],
    ["presence//chat//1//users", "presenceUsers /chat//1/"],
    ["presence/a/users/users", "presenceUsers a/users"],
    ["presence/presence/users", "presenceUsers presence"],
    // Decoded once only.
    ["streams/a%252Fb/history", "streamHistory a%2Fb"],
  ])("%s is %s", (path, operation) => expect(find(path)).toBe(operation));

  it.each([
    "",
    "publish/",
    "publish/more",
    "Publish",
    "presence",
    "presence/users",
    "presence//users",
    "presence/chat",
    "presence/chat/users/",
    "presence/chat/history",
    "presence%2Fchat/users",
    "streams/chat/users",
    "streams/%/history",
    "streams/%ff/history",
    "node/1",
    "other",
  ])("%j is none", (path) => expect(find(path)).toBeUndefined());

  it("has one template at most that a path can fit", () => {
    const prefixes = Object.values(apiRoutes).map(({ path }) => path.split("/")[1]);
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});
