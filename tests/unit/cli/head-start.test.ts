import { describe, expect, it } from "vitest";
import { headStart } from "../../../src/cli/head-start.ts";
import type { RemoteState } from "../../../src/lifecycle.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { settle } from "../../support/settle.ts";

function part(change: Partial<RemoteState> = {}) {
  const state = { isConnected: false, isRequired: true, sinceMs: 0, target: "redis://redis", ...change };
  return { value: state, state: () => state };
}

/** Begins to wait for these. */
function begin(...parts: Parameters<typeof headStart>[0]) {
  const clock = new FakeClock();
  let isDone = false;
  void headStart(parts, clock)
    .start?.()
    .then(() => (isDone = true));
  const passes = async (ms: number): Promise<boolean> => {
    for (let at = 0; at < ms; at += 10) {
      clock.advance(10);
      await settle();
    }
    await settle();
    return isDone;
  };
  return { passes };
}

describe("before clients can come", () => {
  it("what readiness depends on is waited for", async () => {
    const redis = part();
    const { passes } = begin(redis, {});
    expect(await passes(500)).toBe(false);
    redis.value.isConnected = true;
    expect(await passes(10)).toBe(true);
  });

  it("for a second at most", async () => {
    const { passes } = begin(part());
    expect(await passes(990)).toBe(false);
    expect(await passes(10)).toBe(true);
  });

  it("but nothing that is there, can't be away, or is not needed", async () => {
    expect(await begin(part({ isConnected: true }), {}, part({ isRequired: false })).passes(0)).toBe(true);
  });
});
