import type { CommandAnswer, CommandRequest, State } from "../rpc/controller.ts";
import type { Session } from "../session/session.ts";
import type { CommandContext } from "./context.ts";

/** Asks the application about one command of a subscription; given up when the client goes away. */
export function ask(
  context: CommandContext,
  session: Session,
  command: CommandRequest["command"],
  about: { readonly identifier: string; readonly data?: string; readonly istate: State },
): Promise<CommandAnswer> {
  const request: CommandRequest = {
    sid: session.sid,
    env: session.env,
    command,
    identifier: about.identifier,
    connectionIdentifiers: session.identifiers,
    data: about.data ?? "",
    cstate: session.cstate,
    istate: about.istate,
  };
  return session.whileAlive((signal) => context.controller.command(request, signal));
}
