/**
 * Every failure that Ropeway names. The code is stable: people grep for it and write alerts on it. `docs/reference/errors.md` is
 * generated from this table.
 */
export const errorCodes = {
  "protocol.malformed": "A client's frame is not a command: broken JSON, a wrong type in a field, or a binary frame on a text protocol.",
  "command.unknown": "The client's command is none that this protocol knows.",
  "command.already_subscribed": "The client subscribed twice to the same identifier.",
  "command.unknown_subscription": "The command names an identifier that the client is not subscribed to.",
  "command.too_many_subscriptions": "The connection reached `max_subscriptions`.",
  "command.unsupported": "The application did not allow the command for this subscription, or nothing here can answer it.",
  "command.presence_mismatch": "The session is present in this stream already, under another id.",
  "command.rejected": "The application, or the stream's rules, said no.",
  "publication.malformed": "What the application published is not a publication.",
  "publication.too_large": "What the application published is over the size limit.",
  "publication.unavailable": "The publication can't be taken now; the publisher should try again.",
  "broker.unavailable": "The broker's store can't be asked now: history, sessions or presence have to wait.",
  "api.unauthorized": "The request to the REST API does not show the API's key.",
  "api.not_found": "The REST API has no such path, or the stream is one that is not kept.",
  "api.malformed": "The request to the REST API has the wrong method, or a parameter with a value that it can't have.",
  "api.gone": "The history that was asked for is not kept any more, or not all of it.",
  "api.unsupported": "The broker of this server does not keep what was asked for.",
  "api.failed": "The REST API could not answer, and it is not the request's fault; the log of the server says why.",
  "rpc.unavailable": "The application's RPC server can't be reached.",
  "rpc.exhausted": "The application's RPC server refused the call for lack of capacity.",
  "rpc.timeout": "The application did not answer in time.",
  "rpc.canceled": "The client went away, so the call was given up.",
  "rpc.unauthenticated": "The application's RPC server refused our credentials, or TLS could not be agreed on.",
  "rpc.invalid_answer": "The application's answer makes no sense.",
  "rpc.failed": "The RPC call broke for another reason, or the application answered with status ERROR.",
  "config.unknown_option": "A flag or a key of the configuration file is none that Ropeway knows.",
  "config.invalid_value": "An option has a value that it can't have.",
  "config.not_built": "The option belongs to a part that this version does not have.",
  "config.missing_package": "An option needs an npm package that is not installed with Ropeway; the message says how to install it.",
  "config.missing_program": "An option needs a program that is not on this machine; the message says which, and how to install it.",
  "config.unreadable_file": "The configuration file can't be read or parsed.",
  "listener.unavailable": "The address can't be listened on: taken, not ours, or not permitted.",
  "nats.embedded_failed": "The NATS server that `embed_nats` asks for did not start; the message has its last words.",
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** An error with a code of the table above. The message says what was wrong, where, and what to do. */
export class CableError extends Error {
  override readonly name = "CableError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything thrown, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
