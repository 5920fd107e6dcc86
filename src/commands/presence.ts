import { CableError, messageOf } from "../errors.ts";
import type { PresenceRequest } from "../protocols/messages.ts";
import type { Publication } from "../publications/publication.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { CommandContext } from "./context.ts";
import { remember } from "./remember.ts";
import { subscriptionOf } from "./subscription-of.ts";

type PresenceContext = Pick<CommandContext, "presence" | "publish" | "clock">;

/** Who is there. A client that can't be told is told so. */
export async function presence(
  context: CommandContext,
  session: Session,
  command: { readonly identifier: string; readonly withRecords: boolean },
): Promise<void> {
  const { identifier, withRecords } = command;
  const stream = subscriptionOf(session, identifier).presenceStream;
  const store = context.presence;
  if (store === undefined || stream === undefined || !context.allowsPresence(stream)) {
    session.send({ type: "presence_error", identifier });
    if (store !== undefined) throw notAllowed();
    return;
  }
  try {
    const { total, records = [] } = await store.info(stream, withRecords);
    session.send({ type: "presence_info", identifier, total, records });
  } catch (error) {
    session.send({ type: "presence_error", identifier });
    throw error;
  }
}

/** `join`, which has no answer of its own: the event comes over the stream, to the client that joins too. */
export function join(
  context: CommandContext,
  session: Session,
  command: { readonly identifier: string; readonly presence: PresenceRequest },
): Promise<void> {
  return joinAs(context, session, subscriptionOf(session, command.identifier), command.presence);
}

/** `leave`, the same way. */
export async function leave(context: CommandContext, session: Session, identifier: string): Promise<void> {
  const subscription = subscriptionOf(session, identifier);
  if (subscription.presenceStream === undefined) throw notAllowed();
  await leaveFor(context, session, subscription);
  remember(context, session);
}

/** Makes the session present on a client's or the application's word. */
export async function joinAs(
  context: CommandContext,
  session: Session,
  subscription: Subscription,
  { id, info }: PresenceRequest,
): Promise<void> {
  const store = context.presence;
  if (store === undefined) throw new CableError("command.unsupported", "presence needs a broker, and there is none");
  const stream = subscription.presenceStream;
  if (stream === undefined || !context.allowsPresence(stream)) throw notAllowed();
  const isNew = await store.join({ stream, sid: session.sid, id, info });
  subscription.presence = { stream, id, info };
  // Its connection broke meanwhile: it is present for as long as others that broke.
  if (isNew) await announceJoin(context, stream, { id, info });
  remember(context, session);
}

/** The session is not present any more on behalf of this subscription. */
export async function leaveFor(context: PresenceContext, session: Session, subscription: Subscription): Promise<void> {
  const present = subscription.presence;
  if (present === undefined || context.presence === undefined) return;
  subscription.presence = undefined;
  const id = await context.presence.leave(present.stream, session.sid);
  if (id !== undefined) await announceLeave(context, present.stream, id);
}

/** The same where nothing may fail for it: without a store to tell, its time runs out by itself. */
export async function leaveQuietly(
  context: PresenceContext & Pick<CommandContext, "logger">,
  session: Session,
  subscription: Subscription,
): Promise<void> {
  try {
    await leaveFor(context, session, subscription);
  } catch (error) {
    context.logger.warn("A client that left stays present until its time is up", { sid: session.sid, error: messageOf(error) });
  }
}

/** Tells the listeners of a stream who came. */
export function announceJoin(context: PresenceContext, stream: string, { id, info }: PresenceRequest): Promise<void> | void {
  return context.publish(eventOf(context, stream, `{"id":${JSON.stringify(id)},"info":${info},"type":"join"}`));
}

/** Tells the listeners of a stream who went. */
export function announceLeave(context: PresenceContext, stream: string, id: string): Promise<void> | void {
  return context.publish(eventOf(context, stream, `{"id":${JSON.stringify(id)},"type":"leave"}`));
}

function eventOf({ clock }: PresenceContext, stream: string, json: string): Publication {
  return { stream, json, excludeSid: undefined, broadcastType: "presence", isTransient: true, receivedAtMs: clock.monotonicMs() };
}

function notAllowed(): CableError {
  return new CableError("command.unsupported", "presence was not allowed for this subscription");
}
