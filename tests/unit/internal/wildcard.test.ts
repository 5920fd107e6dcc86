import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../../../src/internal/wildcard.ts";

describe("a pattern", () => {
  it.each([
    ["chat/1", "chat/1", true],
    ["chat/1", "chat/12", false],
    ["chat/*", "chat/", true],
    ["chat/*", "chat/a/b", true],
    ["chat/*", "Chat/a", false],
    ["*", "", true],
    ["", "", true],
    ["", "a", false],
    ["*/log", "a/b/log", true],
    ["*/log", "log", false],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "acb", false],
    ["a.c", "abc", false],
    ["[ab]*", "[ab]x", true],
    ["**", "anything", true],
  ])("%j fits %j: %s", (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it("fits what a regular expression would fit", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 10 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "*"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, letters, (stars, text) => {
        expect(matches(stars, text)).toBe(new RegExp(`^${stars.replaceAll("*", ".*")}$`).test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes no longer for many stars", () => {
    expect(matches(`${"*a".repeat(5000)}*b`, "a".repeat(100_000))).toBe(false);
  });
});
