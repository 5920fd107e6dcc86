import type { Clock, Timer } from "../../clock.ts";
import { CableError } from "../../errors.ts";
import type { PresenceInfo, PresenceMember, PresenceStore } from "../broker.ts";

export interface MemoryPresenceOptions {
  /** How long a session that shows no sign of life stays present, ms. */
  readonly ttlMs: number;
  readonly clock: Clock;
}

/** How often it is looked for members whose time is up. */
const SWEEP_MS = 1_000;

interface Somebody {
  info: string;
  readonly sids: Set<string>;
}

interface PresentSession {
  readonly id: string;
  aliveAtMs: number;
}

/** One stream's presence set. */
interface Room {
  /** In the order in which they joined. */
  readonly ids: Map<string, Somebody>;
  readonly sessions: Map<string, PresentSession>;
}

/** Presence in this process. */
export class MemoryPresence implements PresenceStore {
  readonly ttlMs: number;
  readonly #clock: Clock;
  readonly #rooms = new Map<string, Room>();
  #expired: (stream: string, id: string) => void = () => {};
  #timer: Timer | undefined;

  constructor({ ttlMs, clock }: MemoryPresenceOptions) {
    this.ttlMs = ttlMs;
    this.#clock = clock;
  }

  start(expired: (stream: string, id: string) => void): void {
    this.#expired = expired;
    this.#sweepLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  join({ stream, sid, id, info }: PresenceMember): boolean {
    let room = this.#rooms.get(stream);
    const present = room?.sessions.get(sid);
    if (present !== undefined && present.id !== id) {
      throw new CableError("command.presence_mismatch", "the session is present in this stream under another id; leave first");
    }
    if (room === undefined) this.#rooms.set(stream, (room = { ids: new Map(), sessions: new Map() }));
    room.sessions.set(sid, { id, aliveAtMs: this.#clock.monotonicMs() });
    const somebody = room.ids.get(id);
    if (somebody === undefined) {
      room.ids.set(id, { info, sids: new Set([sid]) });
      return true;
    }
    somebody.info = info;
    somebody.sids.add(sid);
    return false;
  }

  leave(stream: string, sid: string): string | undefined {
    const room = this.#rooms.get(stream);
    const present = room?.sessions.get(sid);
    if (room === undefined || present === undefined) return undefined;
    room.sessions.delete(sid);
    const somebody = room.ids.get(present.id);
    somebody?.sids.delete(sid);
    if (somebody === undefined || somebody.sids.size > 0) return undefined;
    room.ids.delete(present.id);
    if (room.ids.size === 0) this.#rooms.delete(stream);
    return present.id;
  }

  keep(members: readonly PresenceMember[]): void {
    const nowMs = this.#clock.monotonicMs();
    for (const member of members) {
      const present = this.#rooms.get(member.stream)?.sessions.get(member.sid);
      if (present === undefined) this.join(member);
      else present.aliveAtMs = nowMs;
    }
  }

  info(stream: string, withRecords: boolean): PresenceInfo {
    const ids = this.#rooms.get(stream)?.ids;
    const total = ids?.size ?? 0;
    if (!withRecords) return { total };
    return { total, records: [...(ids ?? [])].map(([id, { info }]) => ({ id, info })) };
  }

  #sweepLater(): void {
    this.#timer = this.#clock.after(SWEEP_MS, () => {
      this.#sweep();
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const longAgoMs = this.#clock.monotonicMs() - this.ttlMs;
    for (const [stream, { sessions }] of this.#rooms) {
      for (const [sid, { aliveAtMs }] of sessions) {
        if (aliveAtMs > longAgoMs) continue;
        const id = this.leave(stream, sid);
        if (id !== undefined) this.#expired(stream, id);
      }
    }
  }
}
