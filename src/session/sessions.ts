import type { Closing } from "../close-codes.ts";
import type { Session } from "./session.ts";

/** Every session of a server, from its first byte to its last. */
export class Sessions {
  /** By sid. */
  readonly #all = new Map<string, Session>();
  #whenEmpty: (() => void) | undefined;

  add(session: Session): void {
    this.#all.set(session.sid, session);
  }

  withSid(sid: string): Session | undefined {
    return this.#all.get(sid);
  }

  all(): Iterable<Session> {
    return this.#all.values();
  }

  delete(session: Session): void {
    this.#all.delete(session.sid);
    if (this.#all.size === 0) this.#whenEmpty?.();
  }

  /** Says goodbye to everybody and waits until the last connection is gone; at the deadline the rest is cut off. */
  async closeAll(closing: Closing, deadline: AbortSignal): Promise<void> {
    for (const session of this.#all.values()) session.close(closing);
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      if (deadline.aborted) resolve();
      else deadline.addEventListener("abort", () => resolve(), { once: true });
    });
    for (const session of this.#all.values()) session.destroy();
  }
}
