import type { Clock, Timer } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import { backoffMs } from "../internal/backoff.ts";
import type { Logger } from "../logger.ts";
import { fileLocation, isUrl, urlLocation, type JwksLocation } from "./jwks-location.ts";
import { publicAlgorithms, readJwks, type KeySource, type VerificationKey } from "./jwt-keys.ts";

export interface JwksOptions {
  /** `https://…` or `http://…`, without user and password; anything else is the path of a file. */
  readonly location: string;
  /** Milliseconds between two readings when nothing special happens. */
  readonly refreshIntervalMs: number;
  /** Milliseconds that one reading may take; clients may have to wait for it. Default 3,000. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the retries: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
}

export interface JwksState {
  /** The last reading worked. */
  readonly isCurrent: boolean;
  /** Clock.monotonicMs since when it is so. */
  readonly sinceMs: number;
  /** Where the keys come from, without secrets, and how many there are. */
  readonly detail: string;
}

export interface Jwks extends KeySource {
  state(): JwksState;
}

/** A token with an unknown key may come from anybody: it causes one look at most in this time. */
const LOOK_AGAIN_AFTER_MS = 10_000;

/**
 * Public keys of a JWK Set. It is read again at every interval and when a token names a key that is not in it, so keys are replaced without
 * a restart. When it can't be read, or has no key that can be used, the last known keys stay in use, it is tried again for ever, and the
 * log says so once. `start` fails with `config.unreadable_file` for a file that is not there or can't be used; a URL is not waited for.
 */
export function jwks(options: JwksOptions): Jwks {
  return new RefreshedJwks(options);
}

class RefreshedJwks implements Jwks {
  readonly #location: JwksLocation;
  readonly #options: JwksOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #keys: readonly VerificationKey[] = [];
  /** What the keys were read from; undefined = nothing yet. */
  #text: string | undefined;
  #reading: Promise<void> | undefined;
  #readAtMs = -Infinity;
  #abort: AbortController | undefined;
  #next: Timer | undefined;
  #failures = 0;
  #isCurrent = false;
  #isStopped = false;
  #sinceMs: number;
  #lastError: unknown;

  constructor(options: JwksOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#location = isUrl(options.location) ? urlLocation(options.location) : fileLocation(options.location);
    this.#logger = options.logger.child({ jwks: this.#location.display });
    this.#sinceMs = options.clock.monotonicMs();
  }

  async start(): Promise<void> {
    const reading = this.#read();
    if (!this.#location.isFile) return;
    await reading;
    if (this.#isCurrent) return;
    await this.stop();
    throw new CableError("config.unreadable_file", `jwt_jwks: ${this.#location.display} can't be used: ${messageOf(this.#lastError)}`);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#abort?.abort();
    await this.#reading;
    this.#next?.cancel();
  }

  state(): JwksState {
    return { isCurrent: this.#isCurrent, sinceMs: this.#sinceMs, detail: `${this.#location.display} (keys: ${this.#keys.length})` };
  }

  known(algorithm: string, id: string | undefined): readonly VerificationKey[] {
    return this.#keys.filter((key) => key.algorithms.includes(algorithm) && (id === undefined || key.id === undefined || key.id === id));
  }

  async newer(algorithm: string, id: string | undefined): Promise<readonly VerificationKey[] | undefined> {
    // No set can have a key for `none` or for a shared secret: nothing to look for.
    if (!publicAlgorithms.has(algorithm)) return [];
    // After a failure it is always too soon: the next attempt comes by itself, before this time is over.
    const isTooSoon = this.#clock.monotonicMs() - this.#readAtMs < LOOK_AGAIN_AFTER_MS;
    if (this.#reading === undefined && isTooSoon) return undefined;
    await (this.#reading ?? this.#read());
    return this.#isCurrent ? this.known(algorithm, id) : undefined;
  }

  /** Reads the set once and plans the next reading. Never rejects. */
  #read(): Promise<void> {
    this.#next?.cancel();
    this.#readAtMs = this.#clock.monotonicMs();
    const abort = new AbortController();
    this.#abort = abort;
    const reading = this.#readOnce(abort).then((isRead) => {
      this.#reading = undefined;
      const delayMs = isRead ? this.#options.refreshIntervalMs : backoffMs(this.#failures++, this.#options.random ?? Math.random);
      this.#next = this.#clock.after(delayMs, () => void this.#read());
    });
    this.#reading = reading;
    return reading;
  }

  async #readOnce(abort: AbortController): Promise<boolean> {
    const { timeoutMs = 3_000 } = this.#options;
    const limit = this.#clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      this.#take(await this.#location.read(abort.signal));
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      limit.cancel();
    }
  }

  #take(text: string): void {
    if (text !== this.#text) {
      const { keys, ignored } = readJwks(text);
      this.#keys = keys;
      this.#text = text;
      this.#logger.info("JWKS read", { keys: keys.length, ...(ignored > 0 && { ignored_keys: ignored }) });
    } else if (!this.#isCurrent) {
      this.#logger.info("JWKS is back", { keys: this.#keys.length });
    }
    this.#failures = 0;
    this.#become(true);
  }

  #failed(error: unknown): void {
    if (this.#isStopped) return;
    this.#lastError = error;
    this.#become(false);
    // Once per outage. A file that is bad from the beginning stops the start, which says so.
    if (this.#failures > 0 || (this.#location.isFile && this.#text === undefined)) return;
    this.#logger.warn(
      this.#text === undefined
        ? "JWKS can't be read: no token that needs it can be verified"
        : "JWKS can't be read: the last known keys stay in use",
      { error: messageOf(error) },
    );
  }

  #become(isCurrent: boolean): void {
    if (this.#isCurrent === isCurrent) return;
    this.#isCurrent = isCurrent;
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
