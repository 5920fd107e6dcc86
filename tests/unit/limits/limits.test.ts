import { describe, expect, it } from "vitest";
import { addressKey } from "../../../src/limits/address.ts";
import { AddressLimits } from "../../../src/limits/address-limits.ts";
import { Meter, type Rates } from "../../../src/limits/meter.ts";
import { TokenBucket } from "../../../src/limits/token-bucket.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const none: Rates = { commandsPerSecond: 0, bytesPerSecond: 0, whispersPerSecond: 0 };

const allowed = (take: () => boolean): number => {
  let count = 0;
  while (count < 1_000 && take()) count++;
  return count;
};

describe("TokenBucket", () => {
  it("lets a burst of five seconds through, and then the rate", () => {
    const bucket = new TokenBucket(10, 0);
    expect(allowed(() => bucket.take(1, 0))).toBe(50);
    expect(allowed(() => bucket.take(1, 300))).toBe(3);
    expect(allowed(() => bucket.take(1, 100_000))).toBe(50);
  });

  it("lets something larger than the whole bucket through once, and makes it be waited for", () => {
    const bucket = new TokenBucket(100, 0);
    expect(bucket.take(1_500, 0)).toBe(true);
    expect(bucket.take(1, 9_999)).toBe(false);
    expect(bucket.take(1, 10_010)).toBe(true);
    expect(bucket.isFull(10_010)).toBe(false);
    expect(bucket.isFull(20_000)).toBe(true);
  });
});

describe("Meter", () => {
  it("counts messages, bytes and whispers apart", () => {
    const meter = new Meter({ commandsPerSecond: 10, bytesPerSecond: 100, whispersPerSecond: 1 }, 0);
    expect(allowed(() => meter.whisper(0))).toBe(5);
    expect(allowed(() => meter.message(1, 0))).toBe(50);
    expect(allowed(() => new Meter({ ...none, bytesPerSecond: 100 }, 0).message(1, 0))).toBe(1_000);
  });

  it("counts bytes", () => {
    const meter = new Meter({ ...none, bytesPerSecond: 100 }, 0);
    expect(allowed(() => meter.message(50, 0))).toBe(10);
  });

  it("shares what belongs to the address", () => {
    const ofAddress = new Meter({ ...none, commandsPerSecond: 2 }, 0);
    const [one, other] = [new Meter(none, 0, ofAddress), new Meter(none, 0, ofAddress)];
    expect(allowed(() => one.message(1, 0))).toBe(10);
    expect(other.message(1, 0)).toBe(false);
    expect(other.whisper(0)).toBe(true);
  });
});

describe("AddressLimits", () => {
  it("is nothing at all when nothing is limited", () => {
    expect(AddressLimits.of({ rates: none, connectsPerSecond: 0, connections: 0 }, new FakeClock())).toBeUndefined();
  });

  it("limits connections at a time per address, and lets the next one in when one leaves", () => {
    const limits = AddressLimits.of({ rates: none, connectsPerSecond: 0, connections: 2 }, new FakeClock())!;
    for (const address of ["1.1.1.1", "::ffff:1.1.1.1"]) {
      expect(limits.admits(address)).toBe(true);
      limits.enter(address);
    }
    expect(limits.admits("1.1.1.1")).toBe(false);
    expect(limits.admits("1.1.1.2")).toBe(true);
    limits.leave("1.1.1.1");
    expect(limits.admits("1.1.1.1")).toBe(true);
  });

  it("limits how often an address connects, also when it leaves in between, and forgets it in the end", () => {
    const clock = new FakeClock();
    const limits = AddressLimits.of({ rates: none, connectsPerSecond: 1, connections: 0 }, clock)!;
    const connect = (): boolean => {
      if (!limits.admits("1.1.1.1")) return false;
      limits.enter("1.1.1.1");
      limits.leave("1.1.1.1");
      return true;
    };
    expect(allowed(connect)).toBe(5);
    clock.advance(2_000);
    expect(allowed(connect)).toBe(2);
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
    expect(allowed(connect)).toBe(5);
  });

  it("gives all clients of an address one meter, for as long as one of them is there", () => {
    const clock = new FakeClock();
    const limits = AddressLimits.of({ rates: { ...none, commandsPerSecond: 1 }, connectsPerSecond: 0, connections: 0 }, clock)!;
    const meter = limits.enter("2001:db8::1");
    clock.advance(60_000);
    expect(limits.enter("2001:db8::2")).toBe(meter);
    expect(limits.enter("2001:db8:0:1::1")).not.toBe(meter);
  });
});

describe("addressKey", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["2001:0db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
  ])("of %s is %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
