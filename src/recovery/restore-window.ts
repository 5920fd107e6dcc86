import type { Clock } from "../clock.ts";
import type { Session } from "../session/session.ts";
import type { TimerWheel, WheelEntry } from "../session/timer-wheel.ts";
import type { Replay } from "./replay.ts";

/** For how long a client that is back has the chance to ask for what it missed, from its answer to a ping on. */
const AFTER_ANSWER_MS = 1_000;
/** The same, from the welcome on, whether it answers or not. */
const AT_MOST_MS = 10_000;

/** What is held back for a session that was restored, until its client has asked for it or had the chance to. */
export class RestoreWindow implements WheelEntry {
  wheelTick = 0;
  readonly #session: Session;
  readonly #replay: Replay;
  readonly #wheel: TimerWheel;
  readonly #endsAtMs: number;

  /** Opens the window: right after the welcome, which the client answers with its requests. */
  constructor(session: Session, replay: Replay, wheel: TimerWheel, clock: Clock) {
    this.#session = session;
    this.#replay = replay;
    this.#wheel = wheel;
    const nowMs = clock.monotonicMs();
    this.#endsAtMs = nowMs + AT_MOST_MS;
    session.probe();
    wheel.schedule(this, nowMs + AFTER_ANSWER_MS);
  }

  due(nowMs: number): void {
    const session = this.#session;
    if (!session.isOpen) return;
    // Its requests leave the client before, or right after, the answer to the ping behind the welcome.
    const { probeAnsweredAtMs } = session;
    const nextAtMs = probeAnsweredAtMs === Infinity ? nowMs + AFTER_ANSWER_MS : probeAnsweredAtMs + AFTER_ANSWER_MS;
    if (nowMs < nextAtMs && nowMs < this.#endsAtMs) {
      this.#wheel.schedule(this, Math.min(nextAtMs, this.#endsAtMs));
      return;
    }
    for (const subscription of session.subscriptions.values()) this.#replay.letGo(session, subscription);
  }
}
