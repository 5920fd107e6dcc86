import fc from "fast-check";
import { expect, it } from "vitest";
import { Histogram } from "../../../src/metrics/metrics.ts";

it("puts every observation into the first bucket that holds it, and loses none", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (values) => {
      const histogram = new Histogram([1, 5, 10]);
      for (const value of values) histogram.observe(value);
      const inBucket = (above: number, upTo: number): number => values.filter((value) => value > above && value <= upTo).length;
      expect(histogram.counts).toEqual([inBucket(-1, 1), inBucket(1, 5), inBucket(5, 10), inBucket(10, Infinity)]);
      expect(histogram.sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0));
    }),
  );
});
