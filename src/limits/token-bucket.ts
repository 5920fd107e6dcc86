/** A client may save up this many seconds of its rate: pages open all their subscriptions at once. */
const BURST_SECONDS = 5;

/** Lets through so much per second on average, and a burst of five seconds' worth after a pause. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond / 1_000;
    this.#most = perSecond * BURST_SECONDS;
    this.#tokens = this.#most;
    this.#atMs = nowMs;
  }

  /** Takes `amount` when anything is left at all: what is larger than the whole bucket passes once, and has to be waited for afterwards. */
  take(amount: number, nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens <= 0) return false;
    this.#tokens -= amount;
    return true;
  }

  /** Whether it is as good as new. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#most;
  }

  #refill(nowMs: number): void {
    this.#tokens = Math.min(this.#most, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}
