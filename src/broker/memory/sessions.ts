import type { Clock, Timer } from "../../clock.ts";
import type { Restorable, SessionStore, StoredSession } from "../broker.ts";

/** What is known of a sid, and until when. */
type Entry = { untilMs: number } & (
  | {
      /** Its connection is there: the session itself is the best copy of it. */
      readonly state: "live";
      readonly session: Restorable;
    }
  | { readonly state: "left"; readonly stored: StoredSession }
  /** Somebody went on with it, or it ended for good: nothing may bring it back. */
  | { readonly state: "taken" | "forgotten" }
);

/** Sessions in this process. Live ones are not copied, only remembered. */
export class MemorySessions implements SessionStore {
  readonly ttlMs: number;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #timer: Timer | undefined;

  constructor(ttlMs: number, clock: Clock) {
    this.ttlMs = ttlMs;
    this.#clock = clock;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  save(session: Restorable): void {
    const state = this.#find(session.sid)?.state;
    if (state === undefined || state === "left") this.#set(session.sid, { state: "live", session, untilMs: this.#untilMs() });
  }

  extend(sids: readonly string[]): void {
    const untilMs = this.#untilMs();
    for (const sid of sids) {
      const entry = this.#find(sid);
      if (entry?.state === "live" || entry?.state === "left") entry.untilMs = untilMs;
    }
  }

  leave(session: Restorable): void {
    const state = this.#find(session.sid)?.state;
    if (state === "taken" || state === "forgotten") return;
    this.#set(session.sid, { state: "left", stored: session.snapshot(), untilMs: this.#untilMs() });
  }

  forget(sid: string): void {
    if (this.#find(sid)?.state !== "taken") this.#set(sid, { state: "forgotten", untilMs: this.#untilMs() });
  }

  take(sid: string, accepts: (stored: StoredSession) => boolean): StoredSession | undefined {
    const entry = this.#find(sid);
    if (entry?.state !== "live" && entry?.state !== "left") return undefined;
    const stored = entry.state === "live" ? entry.session.snapshot() : entry.stored;
    if (!accepts(stored)) return undefined;
    this.#set(sid, { state: "taken", untilMs: this.#untilMs() });
    return stored;
  }

  wasTaken(sid: string): boolean {
    return this.#find(sid)?.state === "taken";
  }

  #untilMs(): number {
    return this.#clock.monotonicMs() + this.ttlMs;
  }

  #find(sid: string): Entry | undefined {
    const entry = this.#entries.get(sid);
    return entry !== undefined && entry.untilMs > this.#clock.monotonicMs() ? entry : undefined;
  }

  #set(sid: string, entry: Entry): void {
    this.#entries.set(sid, entry);
    this.#timer ??= this.#clock.after(this.ttlMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [sid, { untilMs }] of this.#entries) if (untilMs <= nowMs) this.#entries.delete(sid);
    if (this.#entries.size > 0) this.#timer = this.#clock.after(this.ttlMs, () => this.#sweep());
  }
}
