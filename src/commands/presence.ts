import { CableError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import { subscriptionOf } from "./subscription-of.ts";

/** Who is there. Without a broker nobody knows: the client is told so. */
export function presence(session: Session, identifier: string): void {
  subscriptionOf(session, identifier);
  session.send({ type: "presence_error", identifier });
}

/** `join` and `leave`, which have no answer of their own. */
export function changePresence(session: Session, identifier: string): never {
  subscriptionOf(session, identifier);
  throw new CableError("command.unsupported", "presence needs a broker, and there is none");
}
