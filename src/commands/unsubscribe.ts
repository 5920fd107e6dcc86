import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import { applyAnswer } from "./answer.ts";
import { ask } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { leaveQuietly } from "./presence.ts";
import { remember } from "./remember.ts";
import { subscriptionOf } from "./subscription-of.ts";

/** The subscription is gone whatever the application says, and even when it says nothing. Action Cable has no acknowledgement for it. */
export function unsubscribe(context: CommandContext, session: Session, identifier: string): Promise<void> | void {
  const subscription = subscriptionOf(session, identifier);
  if (!subscription.isLocal) return unsubscribeRemotely(context, session, subscription);
  context.hub.unsubscribe(session, subscription);
  remember(context, session);
  if (subscription.presence !== undefined) return leaveQuietly(context, session, subscription);
}

async function unsubscribeRemotely(context: CommandContext, session: Session, subscription: Subscription): Promise<void> {
  // Silence at once; but until the application has answered it stays on the list, so that a client that goes away meanwhile
  // still has it named in the Disconnect call.
  context.hub.stopAll(session, subscription);
  subscription.isEnding = true;
  const leaving = leaveQuietly(context, session, subscription);
  try {
    const answer = await ask(context, session, "unsubscribe", subscription);
    if (session.isOpen) await applyAnswer(context, session, undefined, answer);
  } finally {
    if (session.isOpen) {
      context.hub.unsubscribe(session, subscription);
      remember(context, session);
    }
    await leaving;
  }
}
