/** What is called when a call is given up. */
export type AbortListener = (() => void) | { handleEvent(): void };

/** The part of an AbortSignal that a call needs; every AbortSignal is one. */
export interface CallSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: AbortListener, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: AbortListener): void;
}

/**
 * An AbortController and its signal in one, for calls that are made thousands of times a second: Node's are event targets with weak
 * references, and two of them per RPC call took a quarter of the CPU, most of it in garbage collection.
 */
export class Cancellation implements CallSignal {
  aborted = false;
  reason: unknown = undefined;
  #listeners: AbortListener[] = [];

  /** Tells the listeners, once. */
  abort(reason?: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) {
      if (typeof listener === "function") listener();
      else listener.handleEvent();
    }
  }

  addEventListener(_type: "abort", listener: AbortListener): void {
    if (!this.aborted) this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: AbortListener): void {
    const at = this.#listeners.indexOf(listener);
    if (at !== -1) this.#listeners.splice(at, 1);
  }
}
