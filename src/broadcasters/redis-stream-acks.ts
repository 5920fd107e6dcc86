import type { StreamGroup } from "./redis-stream-group.ts";

/**
 * Tells Redis which entries are done with: all of a turn of the event loop in one go. What it could not be told because the connection broke
 * it is told over the next one, before anything is read there: so nothing is handled twice for that.
 */
export class StreamAcks {
  /** Done with, while Redis may not know it. */
  readonly #done = new Set<string>();
  #group: StreamGroup | undefined;
  #isScheduled = false;
  #unsent: string[] = [];
  #sending: Promise<void> = Promise.resolve();

  async use(group: StreamGroup): Promise<void> {
    this.#group = group;
    this.#unsent = [...this.#done];
    this.#sending = Promise.resolve();
    await this.sent();
  }

  add(id: string): void {
    this.#done.add(id);
    this.#unsent.push(id);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.send();
    });
  }

  /** Sends what there is. To be called before any command that blocks the connection. */
  send(): void {
    const ids = this.#unsent;
    if (ids.length === 0 || this.#group === undefined) return;
    this.#unsent = [];
    this.#sending = this.#send(this.#group, ids, this.#sending);
    // Whoever waits for it is told; nobody has to.
    this.#sending.catch(() => {});
  }

  /** Resolves when Redis knows of all; rejects when the connection breaks. */
  sent(): Promise<void> {
    this.send();
    return this.#sending;
  }

  async #send(group: StreamGroup, ids: readonly string[], before: Promise<void>): Promise<void> {
    await Promise.all([before, group.done(ids)]);
    for (const id of ids) this.#done.delete(id);
  }
}
