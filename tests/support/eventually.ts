import { expect } from "vitest";

/** Waits until something becomes as it should: `await eventually(() => app.calls.length).toBe(1)`. */
export function eventually<T>(probe: () => T, timeout = 20_000): ReturnType<typeof expect.poll<T>> {
  return expect.poll(probe, { timeout, interval: 10 });
}
