import type { LocalChannelAnswer } from "../auth/channels.ts";
import { CableError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import { EMPTY_STATE } from "../session/subscriptions.ts";
import { applyAnswer } from "./answer.ts";
import { ask } from "./ask.ts";
import type { CommandContext } from "./context.ts";

export function subscribe(
  context: CommandContext,
  session: Session,
  command: { readonly identifier: string; readonly wantsHistory: boolean },
): Promise<void> | void {
  const { identifier, wantsHistory } = command;
  // A second confirm_subscription would make the JavaScript client unsubscribe.
  if (session.subscriptions.has(identifier)) throw new CableError("command.already_subscribed", "already subscribed");
  if (session.subscriptions.size >= context.maxSubscriptions) {
    session.send({ type: "reject_subscription", identifier });
    throw new CableError("command.too_many_subscriptions", `more than max_subscriptions (${context.maxSubscriptions}) on one connection`);
  }
  const local = context.findLocalChannel(identifier);
  if (!local) return subscribeRemotely(context, session, identifier, wantsHistory);
  subscribeLocally(context, session, identifier, local.channel.subscribe(local.params));
  if (wantsHistory) rejectHistory(session, identifier);
}

function subscribeLocally(context: CommandContext, session: Session, identifier: string, answer: LocalChannelAnswer): void {
  if (answer.status === "rejected") {
    session.send({ type: "reject_subscription", identifier });
    throw new CableError("command.rejected", answer.why);
  }
  const subscription = context.hub.subscribe(session, identifier, true);
  context.hub.listen(session, subscription, answer.stream);
  if (answer.whisperStream !== undefined) subscription.allowWhispers(answer.whisperStream);
  session.send({ type: "confirm_subscription", identifier });
}

async function subscribeRemotely(context: CommandContext, session: Session, identifier: string, wantsHistory: boolean): Promise<void> {
  const answer = await ask(context, session, "subscribe", { identifier, istate: EMPTY_STATE });
  // It went away while the application was thinking: there is nobody left to subscribe.
  if (!session.isOpen) return;
  if (answer.status === "rejected") {
    applyAnswer(context, session, undefined, answer);
    return;
  }
  session.wantsDisconnect = true;
  applyAnswer(context, session, context.hub.subscribe(session, identifier, false), answer);
  if (wantsHistory) rejectHistory(session, identifier);
}

/** Nothing is kept, so nothing can be proven complete. */
function rejectHistory(session: Session, identifier: string): void {
  if (session.subscriptions.has(identifier)) session.send({ type: "reject_history", identifier });
}
