import type { Clock } from "../clock.ts";
import { addressKey } from "./address.ts";
import { isUnlimited, Meter, type Rates } from "./meter.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How often addresses are forgotten that have nothing open and nothing to answer for. */
const SWEEP_MS = 5_000;

export interface AddressLimitOptions {
  readonly rates: Rates;
  /** New connections per second; 0 = any number. */
  readonly connectsPerSecond: number;
  /** Connections at a time; 0 = any number. */
  readonly connections: number;
}

interface Visitor {
  readonly meter: Meter | undefined;
  readonly connects: TokenBucket | undefined;
  connections: number;
}

/** What each address may do. Remembers an address no longer than it takes for its limits to be as good as new. */
export class AddressLimits {
  readonly #options: AddressLimitOptions;
  readonly #clock: Clock;
  readonly #visitors = new Map<string, Visitor>();
  #isSweeping = false;

  /** Undefined when there is nothing to limit. */
  static of(options: AddressLimitOptions, clock: Clock): AddressLimits | undefined {
    const isOff = isUnlimited(options.rates) && options.connectsPerSecond === 0 && options.connections === 0;
    return isOff ? undefined : new AddressLimits(options, clock);
  }

  private constructor(options: AddressLimitOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Whether a client of this address may connect now. Counts the attempt. */
  admits(address: string): boolean {
    const visitor = this.#visitor(addressKey(address));
    const { connections } = this.#options;
    if (connections > 0 && visitor.connections >= connections) return false;
    return visitor.connects?.take(1, this.#clock.monotonicMs()) !== false;
  }

  /** A client has connected; it shares the meter with the others of its address. */
  enter(address: string): Meter | undefined {
    const visitor = this.#visitor(addressKey(address));
    visitor.connections++;
    return visitor.meter;
  }

  /** A client that had entered is gone. */
  leave(address: string): void {
    const visitor = this.#visitors.get(addressKey(address));
    if (visitor) visitor.connections--;
  }

  #visitor(key: string): Visitor {
    let visitor = this.#visitors.get(key);
    if (visitor === undefined) {
      const { rates, connectsPerSecond } = this.#options;
      const nowMs = this.#clock.monotonicMs();
      visitor = {
        meter: isUnlimited(rates) ? undefined : new Meter(rates, nowMs),
        connects: connectsPerSecond > 0 ? new TokenBucket(connectsPerSecond, nowMs) : undefined,
        connections: 0,
      };
      this.#visitors.set(key, visitor);
      if (!this.#isSweeping) this.#sweepLater();
    }
    return visitor;
  }

  readonly #forget = (): void => {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { connections, connects, meter }] of this.#visitors) {
      const isIdle = connections === 0 && connects?.isFull(nowMs) !== false && meter?.isIdle(nowMs) !== false;
      if (isIdle) this.#visitors.delete(key);
    }
    if (this.#visitors.size > 0) this.#sweepLater();
    else this.#isSweeping = false;
  };

  #sweepLater(): void {
    this.#isSweeping = true;
    this.#clock.after(SWEEP_MS, this.#forget);
  }
}
