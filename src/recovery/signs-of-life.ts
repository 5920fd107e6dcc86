import type { PresenceMember, PresenceStore, SessionStore } from "../broker/broker.ts";
import type { Clock, Timer } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { Service } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { Session } from "../session/session.ts";

export interface SignsOfLifeOptions {
  readonly all: () => Iterable<Session>;
  readonly sessions: SessionStore | undefined;
  readonly presence: PresenceStore | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Signs given in the time after which their lack would count: one may be lost, or late. */
const SIGNS_PER_TTL = 3;

/** Tells the stores, for as long as clients are connected, that they are: whatever protocol they speak. */
export function signsOfLife({ all, sessions, presence, clock, logger }: SignsOfLifeOptions): Service {
  const timers = new Set<Timer>();

  function every(intervalMs: number, give: () => void): void {
    let timer: Timer;
    const again = (): void => {
      timer = clock.after(intervalMs, () => {
        timers.delete(timer);
        give();
        again();
      });
      timers.add(timer);
    };
    again();
  }

  function extend(store: SessionStore): void {
    const sids: string[] = [];
    for (const session of all()) if (session.isRestorable && session.isOpen) sids.push(session.sid);
    if (sids.length > 0) store.extend(sids);
  }

  async function keep(store: PresenceStore): Promise<void> {
    const members: PresenceMember[] = [];
    for (const { sid, subscriptions, isOpen } of all()) {
      if (!isOpen) continue;
      for (const { presence: present } of subscriptions.values()) if (present !== undefined) members.push({ ...present, sid });
    }
    if (members.length === 0) return;
    try {
      await store.keep(members);
    } catch (error) {
      logger.warn("Clients may count as gone although they are present: the store can't be told", {
        members: members.length,
        error: messageOf(error),
      });
    }
  }

  return {
    name: "signs of life",
    async start() {
      if (sessions !== undefined) every(sessions.ttlMs / SIGNS_PER_TTL, () => extend(sessions));
      if (presence !== undefined) every(presence.ttlMs / SIGNS_PER_TTL, () => void keep(presence));
    },
    async stop() {
      for (const timer of timers) timer.cancel();
      timers.clear();
    },
  };
}
