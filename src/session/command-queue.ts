import type { ClientCommand } from "../protocols/messages.ts";

/** Past these the client is read from no further, until half of it is done. */
const MOST_COMMANDS = 100;
const MOST_BYTES = 64 * 1024;

/** Commands that a client sent ahead, in order. */
export class CommandQueue {
  #entries: { readonly command: ClientCommand; readonly bytes: number }[] = [];
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** Time to stop reading. */
  get isFull(): boolean {
    return this.length >= MOST_COMMANDS || this.#bytes >= MOST_BYTES;
  }

  /** Time to read again. */
  get isHalfEmpty(): boolean {
    return this.length <= MOST_COMMANDS / 2 && this.#bytes <= MOST_BYTES / 2;
  }

  push(command: ClientCommand, bytes: number): void {
    this.#entries.push({ command, bytes });
    this.#bytes += bytes;
  }

  shift(): ClientCommand | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head++;
    this.#bytes -= entry.bytes;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= MOST_COMMANDS) {
      // One network read can hold thousands of commands: let go of those that are done.
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry.command;
  }
}
