import type { DisconnectRequest } from "../rpc/controller.ts";
import type { Session } from "../session/session.ts";
import type { Hub } from "../hub/hub.ts";

/** Which sessions' ends are told to the application: those that it answered for, all, or none. */
export type DisconnectMode = "auto" | "always" | "never";

/** A session that had been accepted is not served any more. */
export function disconnect(
  context: { readonly hub: Hub; readonly disconnectMode: DisconnectMode; readonly enqueue: (request: DisconnectRequest) => void },
  session: Session,
): void {
  context.hub.remove(session);
  const { disconnectMode } = context;
  if (disconnectMode === "never" || (disconnectMode === "auto" && !session.wantsDisconnect)) return;
  const subscriptions = [...session.subscriptions.values()].filter(({ isLocal }) => !isLocal);
  context.enqueue({
    sid: session.sid,
    env: session.env,
    connectionIdentifiers: session.identifiers,
    subscriptions: subscriptions.map(({ identifier }) => identifier),
    cstate: session.cstate,
    istates: new Map(subscriptions.filter(({ istate }) => istate.size > 0).map(({ identifier, istate }) => [identifier, istate])),
  });
}
