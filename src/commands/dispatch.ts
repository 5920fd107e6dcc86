import { CableError, messageOf } from "../errors.ts";
import type { ClientCommand } from "../protocols/messages.ts";
import type { Session } from "../session/session.ts";
import type { CommandContext } from "./context.ts";
import { history } from "./history.ts";
import { perform } from "./perform.ts";
import { join, leave, presence } from "./presence.ts";
import { subscribe } from "./subscribe.ts";
import { unsubscribe } from "./unsubscribe.ts";
import { whisper } from "./whisper.ts";

/**
 * Carries out one command. A command that fails is counted and logged; the client is not told, except where the command itself sent
 * something: Action Cable has no error replies, and its clients learn by time-out.
 */
export function dispatch(context: CommandContext, session: Session, command: ClientCommand): Promise<void> | void {
  try {
    return execute(context, session, command)?.catch((error: unknown) => failed(context, session, command, error));
  } catch (error) {
    return failed(context, session, command, error);
  }
}

function execute(context: CommandContext, session: Session, command: ClientCommand): Promise<void> | void {
  switch (command.command) {
    case "subscribe":
      return subscribe(context, session, command);
    case "unsubscribe":
      return unsubscribe(context, session, command.identifier);
    case "message":
      return perform(context, session, command);
    case "whisper":
      return whisper(context, session, command);
    case "history":
      return history(context, session, command);
    case "presence":
      return presence(context, session, command);
    case "join":
      return join(context, session, command);
    case "leave":
      return leave(context, session, command.identifier);
    case "ping":
      return session.send({ type: "pong" });
    case "pong":
      return;
    case "unknown":
      throw new CableError("command.unknown", `unknown command ${JSON.stringify(command.name.slice(0, 40))}`);
  }
}

function failed(context: CommandContext, session: Session, command: ClientCommand, error: unknown): void {
  // Nobody waits for what the client itself gave up.
  if (error instanceof CableError && error.code === "rpc.canceled") return;
  context.metrics.counters.failed_client_msg_total++;
  context.onFailure?.(error);
  const fields = {
    sid: session.sid,
    command: command.command,
    ...("identifier" in command && { identifier: command.identifier }),
    code: error instanceof CableError ? error.code : undefined,
    error: messageOf(error),
  };
  if (!(error instanceof CableError)) {
    context.logger.error("command failed by a fault of the server", { ...fields, error });
  } else if (error.code.startsWith("rpc.") || session.fault()) {
    context.logger.warn("command failed", fields);
  } else {
    context.logger.debug("command failed", fields);
  }
}
