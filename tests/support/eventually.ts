import { expect } from "vitest";

/** Waits until something becomes as it should: `await eventually(() => app.calls.length).toBe(1)`. */
export function eventually<T>(probe: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(probe, { timeout: 10_000, interval: 10 });
}
