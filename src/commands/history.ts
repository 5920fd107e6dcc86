import type { Session } from "../session/session.ts";
import { subscriptionOf } from "./subscription-of.ts";

/** What the client missed. Without a broker nothing is kept, so nothing can be proven complete: always refused. */
export function history(session: Session, identifier: string): void {
  subscriptionOf(session, identifier);
  session.send({ type: "reject_history", identifier });
}
