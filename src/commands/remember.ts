import type { Restorable, StoredSession } from "../broker/broker.ts";
import type { Session } from "../session/session.ts";
import type { CommandContext } from "./context.ts";

/** Stores the session as it is now, if its client can come back to it. To be called after each change. */
export function remember({ sessions }: Pick<CommandContext, "sessions">, session: Session): void {
  if (session.isRestorable) sessions?.save(restorable(session));
}

/** A session as the store sees it. */
export function restorable(session: Session): Restorable {
  return { sid: session.sid, snapshot: () => snapshotOf(session) };
}

function snapshotOf(session: Session): StoredSession {
  return {
    identifiers: session.identifiers,
    isProven: session.isProven,
    wantsDisconnect: session.wantsDisconnect,
    cstate: Object.fromEntries(session.cstate),
    subscriptions: Array.from(session.subscriptions.values(), ({ identifier, isLocal, streams, istate, presence }) => ({
      identifier,
      isLocal,
      streams: [...streams],
      istate: Object.fromEntries(istate),
      ...(presence && { presence: { id: presence.id, info: presence.info } }),
    })),
  };
}
