import { describe, expect, it } from "vitest";
import { TimerWheel, type WheelEntry } from "../../../src/session/timer-wheel.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function setUp(): { clock: FakeClock; wheel: TimerWheel; entry: (name: string, onDue?: () => void) => WheelEntry; log: string[] } {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const log: string[] = [];
  const entry = (name: string, onDue?: () => void): WheelEntry => ({
    wheelTick: 0,
    due: (nowMs) => {
      log.push(`${name}@${nowMs}`);
      onDue?.();
    },
  });
  return { clock, wheel, entry, log };
}

describe("TimerWheel", () => {
  it("calls an entry at its deadline, at most a tick late and never early", () => {
    const { clock, wheel, entry, log } = setUp();
    wheel.schedule(entry("a"), 250);
    clock.advance(249);
    expect(log).toEqual([]);
    clock.advance(101);
    expect(log).toEqual(["a@300"]);
  });

  it("replaces an entry's deadline and takes it back", () => {
    const { clock, wheel, entry, log } = setUp();
    const [a, b] = [entry("a"), entry("b")];
    wheel.schedule(a, 200);
    wheel.schedule(a, 500);
    wheel.schedule(b, 300);
    wheel.cancel(b);
    clock.advance(1_000);
    expect(log).toEqual(["a@500"]);
  });

  it("leaves out an entry that another one of the same tick takes back or moves", () => {
    const { clock, wheel, entry, log } = setUp();
    const [dropped, moved] = [entry("dropped"), entry("moved")];
    wheel.schedule(
      entry("first", () => {
        wheel.cancel(dropped);
        wheel.schedule(moved, 700);
      }),
      100,
    );
    wheel.schedule(dropped, 100);
    wheel.schedule(moved, 100);
    clock.advance(1_000);
    expect(log).toEqual(["first@100", "moved@700"]);
  });

  it("lets an entry schedule itself again, and rests when nothing is left", () => {
    const { clock, wheel, entry, log } = setUp();
    let left = 3;
    const a: WheelEntry = entry("a", () => left-- > 1 && wheel.schedule(a, clock.monotonicMs() + 100));
    wheel.schedule(a, 100);
    clock.advance(1_000);
    expect(log).toEqual(["a@100", "a@200", "a@300"]);
    expect(clock.pending).toBe(0);
    wheel.schedule(a, 50);
    clock.advance(200);
    expect(log.at(-1)).toBe("a@1100");
  });

  it("catches up after the process was held up, once the network had its turn", () => {
    const { clock, wheel, entry } = setUp();
    const times: number[] = [];
    for (let at = 1_000; at >= 100; at -= 100) {
      wheel.schedule(
        entry("x", () => times.push(at)),
        at,
      );
    }
    clock.jump(5_000);
    expect(times).toEqual([]);
    clock.advance(100);
    expect(times).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
  });

  it("does not wait for ever for a process that is always held up", () => {
    const { clock, wheel, entry, log } = setUp();
    wheel.schedule(entry("late"), 100);
    clock.jump(5_000);
    clock.jump(5_000);
    expect(log).toEqual(["late@10000"]);
  });
});
