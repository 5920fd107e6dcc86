import type { Clock } from "../clock.ts";
import type { Frame } from "../transports/transport.ts";
import type { Encoding } from "./encoding.ts";

/** Unit of the timestamp in pings. */
export type PingPrecision = "s" | "ms" | "ns";

/** Makes pings, one frame for all sessions of an encoding that are pinged at the same moment. */
export class Pings {
  readonly #clock: Clock;
  #encoding: Encoding | undefined;
  #timestamp: number | bigint = 0;
  #frame: Frame | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Now, in the given precision, but always later than `previous`: clients and tests rely on strictly increasing pings. */
  timestamp(precision: PingPrecision, previous: number | bigint): number | bigint {
    if (precision === "ns") {
      // Exact digits, yet the same for a whole millisecond's worth of sessions would gain nothing: few clients ask for it.
      const now = this.#clock.nowNs();
      return now > previous ? now : BigInt(previous) + 1n;
    }
    const now = precision === "ms" ? this.#clock.nowMs() : Math.floor(this.#clock.nowMs() / 1_000);
    return now > previous ? now : Number(previous) + 1;
  }

  frame(encoding: Encoding, timestamp: number | bigint): Frame {
    if (this.#frame === undefined || this.#encoding !== encoding || this.#timestamp !== timestamp) {
      this.#frame = { ...encoding.frame({ type: "ping", timestamp }), isPing: true };
      this.#encoding = encoding;
      this.#timestamp = timestamp;
    }
    return this.#frame;
  }
}
