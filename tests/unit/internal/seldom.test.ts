import { expect, it } from "vitest";
import { seldom } from "../../../src/internal/seldom.ts";
import { FakeClock } from "../../support/fake-clock.ts";

it("tells the first at once, and what follows once in a while, with how often it was", () => {
  const clock = new FakeClock();
  const told: [string, number][] = [];
  const happened = seldom<string>(clock, 1_000, (about, times) => void told.push([about, times]));
  for (const about of ["a", "b", "c"]) happened(about);
  clock.advance(999);
  happened("d");
  expect(told).toEqual([["a", 1]]);
  clock.advance(1);
  happened("e");
  expect(told).toEqual([
    ["a", 1],
    ["e", 4],
  ]);
});
