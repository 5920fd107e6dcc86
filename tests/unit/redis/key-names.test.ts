import { describe, expect, it } from "vitest";
import { hashSlot } from "../../../src/redis/hash-slot.ts";
import { keyBeside } from "../../../src/redis/key-names.ts";

describe("a key beside another one", () => {
  it.each([
    ["__anycable__", "{__anycable__}:rejected"],
    ["{app}:news", "{app}:news:rejected"],
    ["a}b", undefined],
    ["a{", undefined],
    ["{}x", undefined],
    ["}{", undefined],
  ])("of %j is in its slot", (key, expected) => {
    const beside = keyBeside(key, "rejected");
    expect(hashSlot(beside)).toBe(hashSlot(key));
    expect(beside).not.toBe(key);
    if (expected !== undefined) expect(beside).toBe(expected);
  });
});
