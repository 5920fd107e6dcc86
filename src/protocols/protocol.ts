import type { ClientCommand, ServerMessage } from "./messages.ts";

/** One message on its way in or out, before a transport frames it: text for text protocols, bytes for binary ones. */
export type Payload = string | Uint8Array;

/**
 * PORT: a wire protocol. Translates between payloads and messages; pure, without state, and knows no transport. One object serves all
 * sessions, so identity can be compared.
 */
export interface Protocol {
  /** The WebSocket subprotocol name. */
  readonly name: string;
  /** Whether its clients answer each ping with a `pong`, so that silence means something. */
  readonly answersPings: boolean;
  /** Whether its clients come back to a session by its sid. */
  readonly restoresSessions: boolean;
  /** MUST give equal payloads for equal messages; the result is framed once and shared by all who hear it. */
  encode(message: ServerMessage): Payload;
  /**
   * MUST check every field that it passes on; MUST NOT throw anything else.
   * @throws {CableError} `protocol.malformed` when the payload is no command.
   */
  decode(payload: Payload): ClientCommand;
}
