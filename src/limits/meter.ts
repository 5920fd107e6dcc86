import { TokenBucket } from "./token-bucket.ts";

/** What may be sent per second; 0 = no limit. */
export interface Rates {
  readonly commandsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly whispersPerSecond: number;
}

export function isUnlimited(rates: Rates): boolean {
  return rates.commandsPerSecond === 0 && rates.bytesPerSecond === 0 && rates.whispersPerSecond === 0;
}

/** Counts what one client sends, and what all clients of its address send together. */
export class Meter {
  readonly #commands: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  readonly #whispers: TokenBucket | undefined;
  readonly #ofAddress: Meter | undefined;

  /** @param ofAddress what it shares with others */
  constructor(rates: Rates, nowMs: number, ofAddress?: Meter) {
    this.#commands = bucket(rates.commandsPerSecond, nowMs);
    this.#bytes = bucket(rates.bytesPerSecond, nowMs);
    this.#whispers = bucket(rates.whispersPerSecond, nowMs);
    this.#ofAddress = ofAddress;
  }

  /** Counts a message, whatever it says; false when it is one too many. */
  message(bytes: number, nowMs: number): boolean {
    const isAllowed = this.#commands?.take(1, nowMs) !== false && this.#bytes?.take(bytes, nowMs) !== false;
    return isAllowed && this.#ofAddress?.message(bytes, nowMs) !== false;
  }

  /** Counts a whisper, in addition; false when it is one too many. */
  whisper(nowMs: number): boolean {
    return this.#whispers?.take(1, nowMs) !== false && this.#ofAddress?.whisper(nowMs) !== false;
  }

  /** Whether nothing needs to be remembered of it. */
  isIdle(nowMs: number): boolean {
    return [this.#commands, this.#bytes, this.#whispers].every((one) => one?.isFull(nowMs) !== false);
  }
}

function bucket(perSecond: number, nowMs: number): TokenBucket | undefined {
  return perSecond > 0 ? new TokenBucket(perSecond, nowMs) : undefined;
}
