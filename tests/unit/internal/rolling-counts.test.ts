import { expect, it } from "vitest";
import { RollingCounts } from "../../../src/internal/rolling-counts.ts";
import { FakeClock } from "../../support/fake-clock.ts";

it("counts what happened within the span, and forgets it a tenth at a time", () => {
  const clock = new FakeClock();
  const counts = new RollingCounts(clock, 1_000);
  const read = (): readonly number[] => [counts.total, counts.failures];
  expect(read()).toEqual([0, 0]);
  counts.add(true);
  clock.advance(99);
  counts.add(false);
  clock.advance(1);
  counts.add(true);
  expect(read()).toEqual([3, 2]);
  clock.advance(899);
  expect(read()).toEqual([3, 2]);
  clock.advance(1);
  expect(read()).toEqual([1, 1]);
  clock.advance(100);
  expect(read()).toEqual([0, 0]);
});

it("forgets everything in a long pause, and goes on", () => {
  const clock = new FakeClock();
  const counts = new RollingCounts(clock, 1_000);
  for (let slot = 0; slot < 10; slot++) {
    counts.add(true);
    clock.advance(100);
  }
  clock.advance(1_000_000_050);
  expect(counts.total).toBe(0);
  counts.add(false);
  expect([counts.total, counts.failures]).toEqual([1, 0]);
});

it("can begin anew", () => {
  const counts = new RollingCounts(new FakeClock(), 1_000);
  counts.add(true);
  counts.clear();
  expect([counts.total, counts.failures]).toEqual([0, 0]);
});
