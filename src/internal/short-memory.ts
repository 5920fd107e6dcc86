import type { Clock } from "../clock.ts";

export interface ShortMemoryOptions {
  /** How long the oldest is kept, ms. */
  readonly ms: number;
  readonly mostBytes: number;
  /** Drops everything. */
  readonly forget: () => void;
  readonly clock: Clock;
}

/** Has what is kept only to save work dropped, all at once: a while after the first of it, or when it is too much. */
export class ShortMemory {
  readonly #options: ShortMemoryOptions;
  #bytes = 0;

  constructor(options: ShortMemoryOptions) {
    this.#options = options;
  }

  /** Counts what is about to be kept, for which everything else may have been dropped. False: it is too much by itself. */
  makeRoom(bytes: number): boolean {
    const { ms, mostBytes, clock } = this.#options;
    if (bytes > mostBytes) return false;
    if (this.#bytes + bytes > mostBytes) this.#forget();
    if (this.#bytes === 0) clock.after(ms, () => this.#forget());
    this.#bytes += bytes;
    return true;
  }

  #forget(): void {
    this.#bytes = 0;
    this.#options.forget();
  }
}
