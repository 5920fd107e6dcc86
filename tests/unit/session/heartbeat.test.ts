import { describe, expect, it } from "vitest";
import { Heartbeat, heartbeatFor, type HeartbeatOptions } from "../../../src/session/heartbeat.ts";
import { Pings } from "../../../src/session/pings.ts";
import type { Handshake } from "../../../src/transports/transport.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const defaults: HeartbeatOptions = { intervalMs: 3_000, precision: "s", pongTimeoutMs: 6_000, nativePings: false };

function handshake(params: Record<string, string>): Handshake {
  return {
    url: "",
    remoteAddress: "",
    protocol: "",
    header: () => undefined,
    param: (name) => params[name],
    firstParam: (name) => params[name],
  };
}

describe("Heartbeat", () => {
  it.each([
    [0, 1_500],
    [0.5, 3_000],
    [1, 4_500],
  ])("pings first after 0.5 to 1.5 intervals (random %d)", (random, expected) => {
    const heartbeat = new Heartbeat(defaults, false);
    heartbeat.start(0, random);
    expect(heartbeat.nextPingAtMs).toBe(expected);
    heartbeat.pinged(expected, 1);
    expect(heartbeat.nextPingAtMs).toBe(expected + 3_000);
  });

  it("counts silence from the first unanswered ping, not from the latest", () => {
    const heartbeat = new Heartbeat(defaults, true);
    heartbeat.pinged(1_000, 1);
    heartbeat.pinged(4_000, 2);
    expect(heartbeat.pongDeadlineMs).toBe(7_000);
    heartbeat.alive();
    expect(heartbeat.pongDeadlineMs).toBe(Infinity);
    heartbeat.pinged(7_000, 3);
    expect(heartbeat.pongDeadlineMs).toBe(13_000);
  });

  it("expects nothing of a client that does not answer pings", () => {
    const heartbeat = new Heartbeat(defaults, false);
    heartbeat.pinged(1_000, 1);
    expect(heartbeat.pongDeadlineMs).toBe(Infinity);
  });

  it("never pings with an interval of 0", () => {
    const heartbeat = new Heartbeat({ ...defaults, intervalMs: 0 }, false);
    heartbeat.start(0, 0.5);
    expect(heartbeat.nextPingAtMs).toBe(Infinity);
  });
});

describe("heartbeatFor", () => {
  it.each([
    [{}, 3_000, "s", []],
    [{ pi: "10", ptp: "ms" }, 10_000, "ms", []],
    [{ pi: "0" }, 0, "s", []],
    [{ pi: "-1", ptp: "hours" }, 3_000, "s", ["pi", "ptp"]],
    [{ pi: "1e9" }, 3_000, "s", ["pi"]],
    [{ pi: "", ptp: "ns" }, 3_000, "ns", ["pi"]],
  ])("reads %j", (params, intervalMs, precision, ignored) => {
    const result = heartbeatFor(handshake(params), defaults);
    expect(result.options).toMatchObject({ intervalMs, precision });
    expect(result.ignored).toEqual(ignored);
  });
});

describe("Pings", () => {
  it("gives timestamps that strictly increase, even within one second", () => {
    const pings = new Pings(new FakeClock(1_700_000_000_000));
    expect(pings.timestamp("s", 0)).toBe(1_700_000_000);
    expect(pings.timestamp("s", 1_700_000_000)).toBe(1_700_000_001);
    expect(pings.timestamp("s", 1_700_000_005)).toBe(1_700_000_006);
    expect(pings.timestamp("ms", 0)).toBe(1_700_000_000_000);
  });

  it("gives nanoseconds as an exact integer", () => {
    const pings = new Pings(new FakeClock(1_700_000_000_123));
    expect(pings.timestamp("ns", 0)).toBe(1_700_000_000_123_000_000n);
    expect(pings.timestamp("ns", 1_700_000_000_123_000_000n)).toBe(1_700_000_000_123_000_001n);
  });
});
