import { CableError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import { applyAnswer } from "./answer.ts";
import { ask } from "./ask.ts";
import type { CommandContext } from "./context.ts";
import { remember } from "./remember.ts";
import { subscriptionOf } from "./subscription-of.ts";

/** `message`: calls an action of the channel in the application. */
export async function perform(
  context: CommandContext,
  session: Session,
  command: { readonly identifier: string; readonly data: string },
): Promise<void> {
  const subscription = subscriptionOf(session, command.identifier);
  if (subscription.isLocal) throw new CableError("command.unsupported", "this channel has no actions: the application does not know it");
  const { identifier, istate } = subscription;
  const answer = await ask(context, session, "message", { identifier, istate, data: command.data });
  if (!session.isOpen) return;
  try {
    const doing = applyAnswer(context, session, subscription, answer);
    if (doing !== undefined) await doing;
  } finally {
    if (answer.streams.length + answer.stoppedStreams.length + answer.cstate.size + answer.istate.size > 0 || answer.stopAllStreams) {
      remember(context, session);
    }
  }
}
