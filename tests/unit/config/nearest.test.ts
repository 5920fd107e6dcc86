import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "../../../src/config/nearest.ts";

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["port", "port", 0],
    ["", "abc", 3],
    ["prot", "port", 1],
    ["pot", "port", 1],
    ["ports", "port", 1],
    ["part", "port", 1],
    ["kitten", "sitting", 3],
  ])("of %j and %j is %i", (one, other, distance) => {
    expect(editDistance(one, other)).toBe(distance);
    expect(editDistance(other, one)).toBe(distance);
  });
});

describe("nearest", () => {
  it("is the closest", () => {
    expect(nearest("rpc_hots", ["rpc_impl", "rpc_host", "host"])).toBe("rpc_host");
  });

  it("is nothing when nothing is close", () => {
    expect(nearest("zzz", ["port", "host"])).toBeUndefined();
    expect(nearest("rpc_hott", ["rpc_host"], 0)).toBeUndefined();
    expect(nearest("abcdefghi", ["abcdefxyz"], 2)).toBeUndefined();
    expect(nearest("abcdefghi", ["abcdefxyz"])).toBe("abcdefxyz");
  });
});
