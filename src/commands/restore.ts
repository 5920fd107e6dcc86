import type { StoredSession, StoredSubscription } from "../broker/broker.ts";
import { messageOf } from "../errors.ts";
import type { Session } from "../session/session.ts";
import type { Handshake } from "../transports/transport.ts";
import type { CommandContext } from "./context.ts";
import { listen } from "./listen.ts";
import { announceJoin, announceLeave } from "./presence.ts";
import { remember } from "./remember.ts";

/** Longer than any sid that is ours. */
const MOST_SID_LENGTH = 100;

/**
 * The sid of the session that a client wants to go on with: header `X-ANYCABLE-RESTORE-SID`, else query parameter `sid`. Source: AnyCable
 * 1.6.16.
 */
export function earlierSidOf(handshake: Handshake): string | undefined {
  const sid = handshake.header("x-anycable-restore-sid") || handshake.param("sid");
  return sid === undefined || sid === "" || sid.length > MOST_SID_LENGTH ? undefined : sid;
}

/** Takes the earlier session out of the store, if there is one that `accepts` likes. A store that is away has none. */
export async function takeEarlier(
  { sessions, logger }: CommandContext,
  session: Session,
  sid: string,
  accepts: (stored: StoredSession) => boolean,
): Promise<StoredSession | undefined> {
  if (sessions === undefined || !session.encoding.protocol.restoresSessions) return undefined;
  try {
    return await sessions.take(sid, accepts);
  } catch (error) {
    logger.warn("A session can't be restored: its store can't be asked", { sid: session.sid, earlier_sid: sid, error: messageOf(error) });
    return undefined;
  }
}

/**
 * Goes on with a stored session, without asking the application. Whatever the client may have missed is held back until it has asked for
 * it; nothing is sent to it before the welcome, and no command is carried out before its streams are heard.
 */
export async function restore(context: CommandContext, session: Session, earlierSid: string, stored: StoredSession): Promise<void> {
  context.supersede(earlierSid, stored);
  session.identifiers = stored.identifiers;
  session.isProven = stored.isProven;
  session.wantsDisconnect = stored.wantsDisconnect;
  session.isRestorable = true;
  session.mergeState(new Map(Object.entries(stored.cstate)));
  session.send({ type: "welcome_back", sid: session.sid, restoredIds: stored.subscriptions.map(({ identifier }) => identifier) });
  context.hub.add(session);
  const opening = stored.subscriptions.map((one) => resume(context, session, one)).filter((wait) => wait !== undefined);
  if (opening.length > 0) {
    // Who reads the welcome may rely on hearing what is published from then on.
    session.wait();
    await Promise.all(opening);
  }
  if (!session.isOpening) {
    // Its connection broke meanwhile, and nobody will come back to it under its old name: it ends like any other.
    context.ended(session);
    return;
  }
  context.metrics.counters.sessions_restored_total++;
  context.logger.debug("session restored", { sid: session.sid, earlier_sid: earlierSid });
  session.open(stored.wantsDisconnect);
  context.recovery?.restored(session);
  remember(context, session);
  await takeOverPresence(context, session, earlierSid);
}

function resume(context: CommandContext, session: Session, stored: StoredSubscription): Promise<void> | void {
  const { identifier, isLocal, streams, istate, presence } = stored;
  const subscription = context.hub.subscribe(session, identifier, isLocal);
  subscription.mergeState(new Map(Object.entries(istate)));
  const { presenceStream } = subscription;
  if (presence !== undefined && presenceStream !== undefined) subscription.presence = { stream: presenceStream, ...presence };
  return listen(context, session, subscription, streams, "until asked");
}

/** Others see no change: the client is present under its new sid before the old one goes. */
async function takeOverPresence(context: CommandContext, session: Session, earlierSid: string): Promise<void> {
  const store = context.presence;
  if (store === undefined) return;
  for (const { presence } of session.subscriptions.values()) {
    if (presence === undefined) continue;
    const { stream, id, info } = presence;
    try {
      // Its time may have been up meanwhile, and the others told.
      if (await store.join({ stream, sid: session.sid, id, info })) await announceJoin(context, stream, { id, info });
      const left = await store.leave(stream, earlierSid);
      if (left !== undefined && left !== id) await announceLeave(context, stream, left);
    } catch (error) {
      context.logger.warn("A restored session's presence can't be taken over", { sid: session.sid, error: messageOf(error) });
    }
  }
}
