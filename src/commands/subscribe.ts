import type { LocalChannelAnswer } from "../auth/channels.ts";
import { CableError } from "../errors.ts";
import type { ClientCommand } from "../protocols/messages.ts";
import type { Session } from "../session/session.ts";
import { EMPTY_STATE, type Subscription } from "../session/subscriptions.ts";
import { applyAnswer } from "./answer.ts";
import { ask } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { sendHistory } from "./history.ts";
import { listen } from "./listen.ts";
import { joinAs } from "./presence.ts";
import { remember } from "./remember.ts";

type Subscribe = Extract<ClientCommand, { readonly command: "subscribe" }>;

/** In this order: the confirmation, what the client missed, its presence. */
export function subscribe(context: CommandContext, session: Session, command: Subscribe): Promise<void> | void {
  const { identifier } = command;
  // A second confirm_subscription would make the JavaScript client unsubscribe.
  if (session.subscriptions.has(identifier)) throw new CableError("command.already_subscribed", "already subscribed");
  if (session.subscriptions.size >= context.maxSubscriptions) {
    session.send({ type: "reject_subscription", identifier });
    throw new CableError("command.too_many_subscriptions", `more than max_subscriptions (${context.maxSubscriptions}) on one connection`);
  }
  const local = context.findLocalChannel(identifier);
  if (local) return subscribeLocally(context, session, command, local.channel.subscribe(local.params));
  return subscribeRemotely(context, session, command);
}

function subscribeLocally(context: CommandContext, session: Session, command: Subscribe, answer: LocalChannelAnswer): Promise<void> | void {
  const { identifier } = command;
  if (answer.status === "rejected") {
    session.send({ type: "reject_subscription", identifier });
    throw new CableError("command.rejected", answer.why);
  }
  const subscription = context.hub.subscribe(session, identifier, true);
  if (answer.whisperStream !== undefined) subscription.allowWhispers(answer.whisperStream);
  if (answer.presenceStream !== undefined) subscription.allowPresence(answer.presenceStream);
  const confirm = (): Promise<void> | void => {
    if (!session.isOpen) return;
    session.send({ type: "confirm_subscription", identifier });
    return afterwards(context, session, subscription, command);
  };
  const opening = listen(context, session, subscription, [answer.stream], command.history ? "asked" : "nothing");
  return opening === undefined ? confirm() : opening.then(confirm);
}

async function subscribeRemotely(context: CommandContext, session: Session, command: Subscribe): Promise<void> {
  const { identifier } = command;
  const answer = await ask(context, session, "subscribe", { identifier, istate: EMPTY_STATE });
  // It went away while the application was thinking: there is nobody left to subscribe.
  if (!session.isOpen) return;
  if (answer.status === "rejected") {
    await applyAnswer(context, session, undefined, answer);
    return;
  }
  session.wantsDisconnect = true;
  const subscription = context.hub.subscribe(session, identifier, false);
  try {
    await applyAnswer(context, session, subscription, answer, command.history ? "asked" : "nothing");
  } finally {
    // The client is subscribed, whatever becomes of the presence in the answer.
    if (session.isOpen) await afterwards(context, session, subscription, command);
  }
}

/** What comes with a subscription, once it is confirmed. */
function afterwards(context: CommandContext, session: Session, subscription: Subscription, command: Subscribe): Promise<void> | void {
  remember(context, session);
  const { history, presence } = command;
  if (history === undefined && presence === undefined) return;
  return catchUpAndJoin(context, session, subscription, command);
}

async function catchUpAndJoin(context: CommandContext, session: Session, subscription: Subscription, command: Subscribe): Promise<void> {
  const { history, presence } = command;
  if (history !== undefined) await sendHistory(context, session, subscription, history);
  if (presence !== undefined && session.isOpen) await joinAs(context, session, subscription, presence);
}
