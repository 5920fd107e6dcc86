import { CableError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";

/** @throws {CableError} `command.unknown_subscription` */
export function subscriptionOf(session: Session, identifier: string): Subscription {
  const subscription = session.subscriptions.get(identifier);
  if (!subscription) throw new CableError("command.unknown_subscription", "not subscribed to this identifier");
  return subscription;
}
