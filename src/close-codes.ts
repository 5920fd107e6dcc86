/** Why Ropeway ends a connection: what the client is told first, and what the close frame says. */
export interface Closing {
  /** RFC 6455 close code. */
  readonly code: number;
  /** Text of the close frame. */
  readonly text: string;
  /** `reason` and `reconnect` of the `disconnect` message sent before the close frame; absent = no message. */
  readonly notice?: { readonly reason: string; readonly reconnect: boolean };
  /** When it happens; printed in `docs/reference/close-codes.md`, which is generated from this table. */
  readonly when: string;
  /**
   * What becomes of the stored session of a client that could be restored. `awaited`: the client is likely to come back to it, so the
   * application hears of its end only after `disconnect_grace`. `kept`: it may come back, but the application is told at once. Absent: it
   * is forgotten, and the client has to be authenticated anew.
   */
  readonly storedSession?: "awaited" | "kept";
}

export type ClosingName =
  | "authRejected"
  | "unauthorized"
  | "tokenExpired"
  | "authError"
  | "serverRestart"
  | "remote"
  | "noPong"
  | "tooSlow"
  | "commandFailed"
  | "malformed"
  | "rateLimited"
  | "superseded"
  | "missedMessages"
  | "internal";

/**
 * All of them. 1000 and 1001 are ordinary ends, 1008 and 1011 faults of the client and of the server side; 1002, 1007 and 1009 are
 * sent by the WebSocket layer itself. A clean close after `reconnect: false` tells the client to stay away.
 * Source of reasons, texts and flags: AnyCable 1.6.16, except where `when` says otherwise.
 */
export const closings: Readonly<Record<ClosingName, Closing>> = {
  authRejected: {
    code: 1000,
    text: "Auth Failed",
    when: "The application refused the connection; its own transmissions say why.",
  },
  unauthorized: {
    code: 1000,
    text: "Auth Failed",
    notice: { reason: "unauthorized", reconnect: false },
    when: "Nobody could authenticate the connection, or its credentials are wrong.",
  },
  tokenExpired: {
    code: 1000,
    text: "Auth Failed",
    notice: { reason: "token_expired", reconnect: false },
    when: "The client's token (JWT) has expired; AnyCable's client then gets a new one and comes back.",
  },
  authError: {
    code: 1011,
    text: "Auth Error",
    when: "Asking the application who the client is failed or took too long, or the keys that its token needs can't be had.",
  },
  serverRestart: {
    code: 1001,
    text: "Server restart",
    notice: { reason: "server_restart", reconnect: true },
    storedSession: "kept",
    when: "Ropeway is shutting down.",
  },
  remote: {
    code: 1000,
    text: "Closed remotely",
    notice: { reason: "remote", reconnect: false },
    when: "The application asked to disconnect these identifiers; `reconnect` is what it said.",
  },
  noPong: {
    code: 1000,
    text: "No Pong",
    notice: { reason: "no_pong", reconnect: true },
    storedSession: "awaited",
    when: "Nothing was heard from the client within `pong_timeout` of a ping.",
  },
  tooSlow: {
    code: 1000,
    text: "Too slow",
    notice: { reason: "too_slow", reconnect: true },
    storedSession: "awaited",
    when: "More than `ws_max_pending_size` bytes were waiting for the client. The connection is destroyed when it does not close within `ws_write_timeout`.",
  },
  commandFailed: {
    code: 1000,
    text: "Command Failed",
    when: "The application answered a command with `disconnect: true`. (AnyCable puts the reserved code 1006 on the wire.)",
  },
  malformed: {
    code: 1008,
    text: "Too many malformed messages",
    when: "20 malformed frames in a row. (AnyCable stops reading after the first.)",
  },
  rateLimited: {
    code: 1008,
    text: "Rate limited",
    notice: { reason: "rate_limited", reconnect: true },
    storedSession: "kept",
    when: "The client, or all clients of its address together, sent more commands or bytes than a limit allows. (Ropeway's own.)",
  },
  superseded: {
    code: 1000,
    text: "Session restored elsewhere",
    notice: { reason: "session_restored", reconnect: false },
    when: "The session goes on over another connection, which named its sid. (Ropeway's own: AnyCable leaves the old connection open.)",
  },
  missedMessages: {
    code: 1013,
    text: "Messages were missed",
    storedSession: "awaited",
    when: "This node missed messages of a stream that the client hears and can't get them from the history. There is no notice, so that AnyCable's client keeps its sid, comes back and asks for what it missed. (Ropeway's own.)",
  },
  internal: { code: 1011, text: "Internal error", when: "A fault of Ropeway's own while it handled this client; the log has it." },
};

/** Close codes that the WebSocket layer sends by itself. */
export const transportCloseCodes = {
  1000: "Normal closure, in answer to the client's own.",
  1002: "The client broke the WebSocket protocol: an unmasked frame, reserved bits, a bad opcode.",
  1007: "A text message was not valid UTF-8.",
  1008: "A message came in more than 16,384 fragments.",
  1009: "A message was larger than `max_message_size`.",
} as const;
