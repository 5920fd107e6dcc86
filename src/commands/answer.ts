import { closings } from "../close-codes.ts";
import type { CommandAnswer } from "../rpc/controller.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { CommandContext } from "./context.ts";
import { listen, type HoldBack } from "./listen.ts";
import { joinAs, leaveFor } from "./presence.ts";

/**
 * Does what the application answered, in AnyCable's order: streams, state, transmissions, presence, disconnect. Without a subscription (it
 * was refused, or is gone) there is nothing to hang streams, channel state and presence on, so only the rest is done. Nothing is returned
 * when it was done at once.
 */
export function applyAnswer(
  context: CommandContext,
  session: Session,
  subscription: Subscription | undefined,
  answer: CommandAnswer,
  holdBack: HoldBack = "nothing",
): Promise<void> | void {
  const speak = (): Promise<void> | void => {
    if (!session.isOpen) return;
    for (const json of answer.transmissions) session.send({ type: "transmission", json });
    const presence = subscription && changePresence(context, session, subscription, answer.presence);
    if (presence !== undefined) return presence.finally(() => disconnectIfAsked(session, answer));
    disconnectIfAsked(session, answer);
  };
  session.mergeState(answer.cstate);
  if (subscription === undefined) return speak();
  if (answer.stopAllStreams) context.hub.stopAll(session, subscription);
  else for (const stream of answer.stoppedStreams) context.hub.stop(session, subscription, stream);
  subscription.mergeState(answer.istate);
  const opening = listen(context, session, subscription, answer.streams, holdBack);
  return opening === undefined ? speak() : opening.then(speak);
}

function changePresence(
  context: CommandContext,
  session: Session,
  subscription: Subscription,
  presence: CommandAnswer["presence"],
): Promise<void> | undefined {
  if (presence === undefined || context.presence === undefined) return undefined;
  const { type, id, info } = presence;
  switch (type) {
    case "join":
      return joinAs(context, session, subscription, { id, info: jsonOf(info) });
    case "leave":
      return leaveFor(context, session, subscription);
    default:
      context.logger.debug("Presence of an RPC answer ignored: its type is not known", { sid: session.sid, type });
      return undefined;
  }
}

/** The application says it as JSON text; whatever else it says is a string. */
function jsonOf(info: string): string {
  if (info === "") return "null";
  try {
    JSON.parse(info);
    return info;
  } catch {
    return JSON.stringify(info);
  }
}

function disconnectIfAsked(session: Session, answer: CommandAnswer): void {
  if (answer.disconnect) session.close(closings.commandFailed);
}
