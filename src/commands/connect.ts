import type { IdentityAnswer } from "../auth/identity.ts";
import type { StoredSession } from "../broker/broker.ts";
import { closings } from "../close-codes.ts";
import { CableError, messageOf } from "../errors.ts";
import type { ConnectAnswer } from "../rpc/controller.ts";
import type { Session } from "../session/session.ts";
import type { Handshake } from "../transports/transport.ts";
import type { CommandContext } from "./context.ts";
import { remember } from "./remember.ts";
import { earlierSidOf, restore, takeEarlier } from "./restore.ts";

type Accepted = Extract<IdentityAnswer, { readonly status: "accepted" }>;

/**
 * Finds out who the client is: from the handshake alone if that says it, else from a session that it comes back to, else by asking the
 * application. Never rejects.
 */
export async function connect(context: CommandContext, session: Session, handshake: Handshake): Promise<void> {
  try {
    const earlierSid = earlierSidOf(handshake);
    if (earlierSid !== undefined) session.isReturning = true;
    for (const identity of context.identities) {
      let answer = identity.identify(handshake, session.sid);
      // Whoever can answer at once does so in this turn: a crowd that reconnects would pay for every promise.
      if (answer instanceof Promise) answer = await answer;
      if (!session.isOpening) return;
      if (answer.status === "unknown") continue;
      if (answer.status !== "accepted") return refuse(context, session, answer);
      if (earlierSid !== undefined && (await comesBack(context, session, earlierSid, answer))) return;
      if (!session.isOpening) return;
      // The application never heard of this client, so it need not hear of its end.
      session.send({ type: "welcome", sid: session.sid });
      session.isProven = answer.isProven === true;
      return accept(context, session, answer.identifiers, false);
    }
    if (earlierSid !== undefined && (await comesBack(context, session, earlierSid, undefined))) return;
    if (session.isOpening) await ask(context, session);
  } catch (error) {
    context.logger.error("connection refused by a fault of the server", { sid: session.sid, error });
    session.close(closings.internal);
  }
}

/** Whether the client goes on with the session that it names. */
async function comesBack(context: CommandContext, session: Session, earlierSid: string, proof: Accepted | undefined): Promise<boolean> {
  const stored = await takeEarlier(context, session, earlierSid, (earlier) => belongsTo(earlier, proof));
  // It is taken, whether its client is still there or not: restoring puts it back for the next one to come.
  if (stored === undefined) return false;
  await restore(context, session, earlierSid, stored);
  return true;
}

/** A session of somebody with credentials is for who shows the same; any other is for who knows its sid. */
function belongsTo(stored: StoredSession, proof: Accepted | undefined): boolean {
  const isProven = proof?.isProven === true;
  return isProven ? stored.identifiers === proof.identifiers : !stored.isProven;
}

function refuse(
  context: CommandContext,
  session: Session,
  answer: Exclude<IdentityAnswer, { readonly status: "unknown" } | { readonly status: "accepted" }>,
): void {
  switch (answer.status) {
    case "rejected":
      refused(context, session, answer.why);
      session.close(answer.reason === "token_expired" ? closings.tokenExpired : closings.unauthorized);
      return;
    case "unavailable":
      context.logger.debug("connection refused", { sid: session.sid, why: answer.why });
      session.close(closings.authError);
      return;
  }
}

async function ask(context: CommandContext, session: Session): Promise<void> {
  let answer: ConnectAnswer;
  try {
    answer = await session.whileAlive((signal) => context.controller.connect({ sid: session.sid, env: session.env }, signal));
  } catch (error) {
    if (!session.isOpening) return;
    const code = error instanceof CableError ? error.code : "rpc.failed";
    context.logger.warn("connection refused: the application could not be asked", { sid: session.sid, code, error: messageOf(error) });
    session.close(closings.authError);
    return;
  }
  if (!session.isOpening) return;
  for (const json of answer.transmissions) session.send({ type: "transmission", json });
  if (answer.status === "rejected") {
    refused(context, session, "the application said no");
    session.close(closings.authRejected);
    return;
  }
  session.mergeState(answer.cstate);
  accept(context, session, answer.identifiers, true);
}

function accept(context: CommandContext, session: Session, identifiers: string, wantsDisconnect: boolean): void {
  session.identifiers = identifiers;
  session.isRestorable = context.sessions !== undefined && session.encoding.protocol.restoresSessions;
  context.hub.add(session);
  context.logger.debug("session open", { sid: session.sid });
  session.open(wantsDisconnect);
  if (session.isOpen) remember(context, session);
}

function refused(context: CommandContext, session: Session, why: string): void {
  context.metrics.counters.failed_auths_total++;
  context.logger.debug("connection refused", { sid: session.sid, why });
}
