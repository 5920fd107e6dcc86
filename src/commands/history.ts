import { CableError } from "../errors.ts";
import type { HistoryRequest } from "../protocols/messages.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { CommandContext } from "./context.ts";
import { subscriptionOf } from "./subscription-of.ts";

/** What the client missed. */
export function history(
  context: CommandContext,
  session: Session,
  command: { readonly identifier: string; readonly history?: HistoryRequest | undefined },
): Promise<void> | void {
  const { identifier, history: request } = command;
  const subscription = subscriptionOf(session, identifier);
  if (!asksForSomething(request)) {
    session.send({ type: "reject_history", identifier });
    context.recovery?.letGo(session, subscription);
    throw new CableError("command.unsupported", "a request for history has to name a time (`since`) or positions (`streams`)");
  }
  return sendHistory(context, session, subscription, request);
}

/** Whether it names anything that can be answered: only then is a stream held back for it. */
export function asksForSomething(request: HistoryRequest | undefined): request is HistoryRequest {
  return request !== undefined && (request.since > 0 || request.streams.size > 0);
}

/** Answers a request for what a subscription missed. Where nothing is kept, nothing can be proven complete: refused. */
export function sendHistory(
  { recovery }: CommandContext,
  session: Session,
  subscription: Subscription,
  request: HistoryRequest,
): Promise<void> | void {
  if (recovery !== undefined) return recovery.answer(session, subscription, request);
  session.send({ type: "reject_history", identifier: subscription.identifier });
}
