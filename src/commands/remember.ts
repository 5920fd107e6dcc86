import type { Restorable, StoredSession } from "../broker/broker.ts";
import type { Session } from "../session/session.ts";
import type { CommandContext } from "./context.ts";

/** In characters. Stores write a session anew at each change, so what a client may make of its own has to end somewhere. */
const MOST_STORED_LENGTH = 1024 * 1024;

/** Stores the session as it is now, if its client can come back to it. To be called after each change. */
export function remember({ sessions, logger }: Pick<CommandContext, "sessions" | "logger">, session: Session): void {
  if (sessions === undefined || !session.isRestorable) return;
  if (lengthOf(session) <= MOST_STORED_LENGTH) return sessions.save(restorable(session));
  session.isRestorable = false;
  sessions.forget(session.sid);
  logger.info("A session has become too large to be kept: its client can't come back to it", { sid: session.sid });
}

/** A session as the store sees it while its connection is there. */
function restorable(session: Session): Restorable {
  return { sid: session.sid, snapshot: () => snapshotOf(session) };
}

/** The same once that is over. */
export function restorableLeft(session: Session): Restorable {
  return { sid: session.sid, snapshot: () => ({ ...snapshotOf(session), hasLeft: true }) };
}

function snapshotOf(session: Session): StoredSession {
  return {
    identifiers: session.identifiers,
    isProven: session.isProven,
    wantsDisconnect: session.wantsDisconnect,
    cstate: Object.fromEntries(session.cstate),
    subscriptions: [...session.subscriptions.values()]
      // Who comes back has given these up: it may want to subscribe anew.
      .filter(({ isEnding }) => !isEnding)
      .map(({ identifier, isLocal, streams, istate, presence }) => ({
        identifier,
        isLocal,
        streams: [...streams],
        istate: Object.fromEntries(istate),
        ...(presence && { presence: { id: presence.id, info: presence.info } }),
      })),
  };
}

/** Nearly that of what is stored. */
function lengthOf(session: Session): number {
  let length = session.identifiers.length + stateLength(session.cstate);
  for (const { identifier, streams, istate, presence } of session.subscriptions.values()) {
    length += identifier.length + stateLength(istate) + (presence === undefined ? 0 : presence.id.length + presence.info.length);
    for (const stream of streams) length += stream.length;
  }
  return length;
}

function stateLength(state: ReadonlyMap<string, string>): number {
  let length = 0;
  for (const [key, value] of state) length += key.length + value.length;
  return length;
}
