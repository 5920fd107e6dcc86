import type { Clock, Timer } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { DisconnectRequest } from "./controller.ts";

export interface DisconnectGraceOptions {
  /** How long a client that dropped has for coming back before the application is told of its end, ms; 0 = none. */
  readonly graceMs: number;
  /** Makes the call. */
  readonly tell: (request: DisconnectRequest) => void;
  /** Whether somebody, on any node, has gone on with the session. */
  readonly cameBack: (sid: string) => Promise<boolean> | boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Disconnect calls for clients that may come back. All wait for the same time, so they are due in the order in which they came. */
export class DisconnectGrace {
  readonly #options: DisconnectGraceOptions;
  /** By sid, the oldest first. */
  readonly #waiting = new Map<string, { readonly request: DisconnectRequest; readonly dueAtMs: number }>();
  #timer: Timer | undefined;

  constructor(options: DisconnectGraceOptions) {
    this.#options = options;
  }

  defer(request: DisconnectRequest): void {
    const { graceMs, clock, tell } = this.#options;
    if (graceMs === 0) return tell(request);
    this.#waiting.set(request.sid, { request, dueAtMs: clock.monotonicMs() + graceMs });
    this.#timer ??= clock.after(graceMs, this.#makeDue);
  }

  /** The client is back. */
  cancel(sid: string): void {
    this.#waiting.delete(sid);
  }

  /** The process is about to end: what waits is told now. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { request } of waiting) this.#options.tell(request);
  }

  readonly #makeDue = (): void => {
    this.#timer = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    for (const [sid, { request, dueAtMs }] of this.#waiting) {
      if (dueAtMs > nowMs) {
        this.#timer = this.#options.clock.after(dueAtMs - nowMs, this.#makeDue);
        return;
      }
      this.#waiting.delete(sid);
      void this.#tellUnlessBack(request);
    }
  };

  async #tellUnlessBack(request: DisconnectRequest): Promise<void> {
    try {
      if (await this.#options.cameBack(request.sid)) return;
    } catch (error) {
      // One call too many is better than one that is never made.
      this.#options.logger.debug("Whether a client came back can't be known", { sid: request.sid, error: messageOf(error) });
    }
    this.#options.tell(request);
  }
}
