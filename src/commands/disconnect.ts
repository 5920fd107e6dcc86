import type { PresenceStore, SessionStore } from "../broker/broker.ts";
import { closings } from "../close-codes.ts";
import { messageOf } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import type { Logger } from "../logger.ts";
import type { DisconnectRequest } from "../rpc/controller.ts";
import type { DisconnectGrace } from "../rpc/disconnect-grace.ts";
import type { Departure } from "../session/context.ts";
import type { Session } from "../session/session.ts";
import { restorableLeft } from "./remember.ts";

/** Which sessions' ends are told to the application: those that it answered for, all, or none. */
export type DisconnectMode = "auto" | "always" | "never";

export interface EndingContext {
  readonly hub: Hub;
  readonly sessions: SessionStore | undefined;
  readonly presence: PresenceStore | undefined;
  readonly disconnectMode: DisconnectMode;
  /** Tells the application at once. */
  readonly tell: (request: DisconnectRequest) => void;
  /** Tells the application later, unless the client has come back by then. */
  readonly grace: DisconnectGrace;
  readonly logger: Logger;
}

/** What the end of a session means for those who kept it. */
type Outlook =
  /** The connection just broke: the client is likely to come back. */
  | "awaited"
  /** It ended in good order; its client may come back all the same. */
  | "kept"
  /** Nobody can come back to it. */
  | "forgotten"
  /** It goes on with another connection. */
  | "superseded";

/** A session that had been accepted is not served any more. */
export function disconnect(context: EndingContext, session: Session, departure: Departure): void {
  const { hub, sessions, disconnectMode } = context;
  hub.remove(session);
  const outlook = outlookOf(session, departure);
  if (outlook === "superseded") return;
  void showLife(context, session);
  if (outlook === "forgotten") {
    if (session.isRestorable) sessions?.forget(session.sid);
  } else {
    sessions?.leave(restorableLeft(session));
  }
  if (!isTold(disconnectMode, session)) return;
  if (outlook === "awaited") context.grace.defer(requestOf(session));
  else context.tell(requestOf(session));
}

/** Whether the application hears of a session's end. */
export function isTold(mode: DisconnectMode, { wantsDisconnect }: Pick<Session, "wantsDisconnect">): boolean {
  return mode === "always" || (mode === "auto" && wantsDisconnect);
}

function outlookOf(session: Session, departure: Departure): Outlook {
  if ("closing" in departure && departure.closing === closings.superseded) return "superseded";
  if (!session.isRestorable) return "forgotten";
  if ("closing" in departure) return departure.closing.storedSession ?? "forgotten";
  return departure.ending.clean ? "kept" : "awaited";
}

/** A client that has gone is present until its time is up, counted from now. */
async function showLife({ presence, logger }: EndingContext, session: Session): Promise<void> {
  if (presence === undefined) return;
  const present = [...session.subscriptions.values()].flatMap((one) => (one.presence ? [{ ...one.presence, sid: session.sid }] : []));
  if (present.length === 0) return;
  try {
    await presence.keep(present);
  } catch (error) {
    logger.debug("The presence of a client that went can't be prolonged", { sid: session.sid, error: messageOf(error) });
  }
}

function requestOf(session: Session): DisconnectRequest {
  const subscriptions = [...session.subscriptions.values()].filter(({ isLocal }) => !isLocal);
  return {
    sid: session.sid,
    env: session.env,
    connectionIdentifiers: session.identifiers,
    subscriptions: subscriptions.map(({ identifier }) => identifier),
    cstate: session.cstate,
    istates: new Map(subscriptions.filter(({ istate }) => istate.size > 0).map(({ identifier, istate }) => [identifier, istate])),
  };
}
