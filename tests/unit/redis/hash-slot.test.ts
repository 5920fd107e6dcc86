import { describe, expect, it } from "vitest";
import { hashSlot, slotCount, spreadHashTags } from "../../../src/redis/hash-slot.ts";

describe("the slot of a key", () => {
  // From the cluster specification, and CLUSTER KEYSLOT of a Redis 7.0.
  it.each([
    ["123456789", 12_739],
    ["foo", 12_182],
    ["{foo}", 12_182],
    ["a{foo}b{bar}", 12_182],
    ["foo{}{bar}", 8363],
    ["foo{{bar}}zap", 4015],
    ["", 0],
    ["}foo{", 8453],
    ["чат 💬", 8060],
  ])("%j", (key, slot) => expect(hashSlot(key)).toBe(slot));
});

describe("hash tags", () => {
  it.each([1, 2, 128, 1_024])("%i of them lie at equal distances", (count) => {
    const tags = spreadHashTags(count);
    expect(new Set(tags).size).toBe(count);
    const width = slotCount / count;
    expect(tags.map((tag) => Math.floor(hashSlot(`any{${tag}}key`) / width))).toEqual(tags.map((_, index) => index));
  });
});
