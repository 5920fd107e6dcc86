import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { CommandContext } from "./context.ts";

/** Which streams are held back until their backlog stands in the outbox, and whether that was asked for. */
export type HoldBack = "nothing" | "asked" | "until asked";

/**
 * Lets the subscription hear streams. Resolves when what is published from then on arrives; nothing is returned when that is so already,
 * which it always is on a node that is alone.
 */
export function listen(
  context: CommandContext,
  session: Session,
  subscription: Subscription,
  streams: readonly string[],
  holdBack: HoldBack,
): Promise<void> | void {
  let waits: Promise<void>[] | undefined;
  for (const stream of streams) {
    if (subscription.streams.has(stream)) continue;
    const hold = holdBack === "nothing" ? undefined : context.recovery?.hold(subscription, stream, holdBack === "asked");
    const opening = context.hub.listen(session, subscription, stream, hold);
    if (opening !== undefined) (waits ??= []).push(opening);
  }
  if (waits !== undefined) return Promise.all(waits).then(() => {});
}
