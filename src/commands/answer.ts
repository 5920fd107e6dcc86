import type { CommandAnswer } from "../rpc/controller.ts";
import { closings } from "../close-codes.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { CommandContext } from "./context.ts";

/**
 * Does what the application answered, in AnyCable's order: streams, state, transmissions, disconnect. Without a subscription (it was
 * refused, or is gone) there is nothing to hang streams and channel state on, so only the rest is done.
 */
export function applyAnswer(
  context: CommandContext,
  session: Session,
  subscription: Subscription | undefined,
  answer: CommandAnswer,
): void {
  if (subscription) {
    if (answer.stopAllStreams) context.hub.stopAll(session, subscription);
    else for (const stream of answer.stoppedStreams) context.hub.stop(session, subscription, stream);
    for (const stream of answer.streams) context.hub.listen(session, subscription, stream);
    subscription.mergeState(answer.istate);
  }
  session.mergeState(answer.cstate);
  for (const json of answer.transmissions) session.send({ type: "transmission", json });
  if (answer.presence) {
    context.logger.debug("presence of an RPC answer ignored: no broker keeps presence", { sid: session.sid });
  }
  if (answer.disconnect) session.close(closings.commandFailed);
}
