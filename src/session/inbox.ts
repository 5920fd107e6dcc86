import type { ClientCommand } from "../protocols/messages.ts";
import type { Connection } from "../transports/transport.ts";
import { CommandQueue } from "./command-queue.ts";

/** Whose commands they are. */
export interface InboxOwner {
  /** Carries out one command. The next one waits until the promise resolves. */
  execute(command: ClientCommand): Promise<void> | void;
  /** `execute` failed, which it promised not to. */
  failed(error: unknown): void;
}

/**
 * A client's commands, carried out strictly one after another. Those that come meanwhile wait; when too many do, the client is read from no
 * further until half of them are done.
 */
export class Inbox {
  readonly #connection: Pick<Connection, "pause" | "resume">;
  readonly #owner: InboxOwner;
  #waiting: CommandQueue | undefined;
  // Until it is opened, everything waits.
  #isBusy = true;
  #isPaused = false;

  constructor(connection: Pick<Connection, "pause" | "resume">, owner: InboxOwner) {
    this.#connection = connection;
    this.#owner = owner;
  }

  /** Whether the client is not being read from. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Begins to carry out commands, with those that came early. */
  open(): void {
    this.#isBusy = false;
    this.#work();
  }

  /** @param bytes what the command took on the wire, for the limit of what may wait */
  take(command: ClientCommand, bytes: number): void {
    if (!this.#isBusy) {
      this.#execute(command);
      return;
    }
    this.#waiting ??= new CommandQueue();
    this.#waiting.push(command, bytes);
    if (this.#waiting.isFull && !this.#isPaused) {
      this.#isPaused = true;
      this.#connection.pause();
    }
  }

  /** Forgets what waits. The connection is read from again: the peer's goodbye is behind what it has sent already. */
  close(): void {
    this.#waiting = undefined;
    this.#resumeReading();
  }

  #execute(command: ClientCommand): void {
    const pending = this.#owner.execute(command);
    if (pending === undefined) return;
    this.#isBusy = true;
    void this.#finish(pending);
  }

  async #finish(pending: Promise<void>): Promise<void> {
    try {
      await pending;
    } catch (error) {
      this.#owner.failed(error);
    }
    this.#isBusy = false;
    this.#work();
  }

  /** Carries out what waits, until a command has to be waited for. */
  #work(): void {
    while (!this.#isBusy && this.#waiting !== undefined) {
      const command = this.#waiting.shift();
      if (command === undefined) this.#waiting = undefined;
      else this.#execute(command);
      if (this.#waiting === undefined || this.#waiting.isHalfEmpty) this.#resumeReading();
    }
  }

  #resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#connection.resume();
  }
}
