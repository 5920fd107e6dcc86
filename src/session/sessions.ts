import type { Closing } from "../close-codes.ts";
import type { Session } from "./session.ts";

/** Every session of a server, from its first byte to its last. */
export class Sessions {
  readonly #all = new Set<Session>();
  #whenEmpty: (() => void) | undefined;

  add(session: Session): void {
    this.#all.add(session);
  }

  delete(session: Session): void {
    this.#all.delete(session);
    if (this.#all.size === 0) this.#whenEmpty?.();
  }

  /** Says goodbye to everybody and waits until the last connection is gone; at the deadline the rest is cut off. */
  async closeAll(closing: Closing, deadline: AbortSignal): Promise<void> {
    for (const session of this.#all) session.close(closing);
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      if (deadline.aborted) resolve();
      else deadline.addEventListener("abort", () => resolve(), { once: true });
    });
    for (const session of this.#all) session.destroy();
  }
}
