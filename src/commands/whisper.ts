import { CableError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import type { CommandContext } from "./context.ts";
import { subscriptionOf } from "./subscription-of.ts";

/** Passes a client's message to the other subscribers of the stream, without the application. Nothing is ever answered. */
export function whisper(
  context: CommandContext,
  session: Session,
  command: { readonly identifier: string; readonly data: string },
): Promise<void> | void {
  const stream = subscriptionOf(session, command.identifier).whisperStream;
  if (stream === undefined) throw new CableError("command.unsupported", "whispering was not allowed for this subscription");
  return context.publish({
    stream,
    json: command.data,
    excludeSid: session.sid,
    broadcastType: undefined,
    isTransient: true,
    receivedAtMs: context.clock.monotonicMs(),
  });
}
