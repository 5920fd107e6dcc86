/**
 * What clients and the server say to each other, whatever the encoding. Field names are the wire's; the shapes are those of Action
 * Cable's `actioncable-v1-json` and AnyCable's additions to it.
 */

/** A command of a client, decoded and type-checked. */
export type ClientCommand =
  /** `wantsHistory`: the client also asks for what it missed. */
  | { readonly command: "subscribe"; readonly identifier: string; readonly wantsHistory: boolean }
  | { readonly command: "unsubscribe"; readonly identifier: string }
  | { readonly command: "message"; readonly identifier: string; readonly data: string }
  /** `data` is the JSON text of what the other subscribers shall hear. */
  | { readonly command: "whisper"; readonly identifier: string; readonly data: string }
  | { readonly command: "history"; readonly identifier: string }
  | { readonly command: "presence"; readonly identifier: string }
  | { readonly command: "join"; readonly identifier: string }
  | { readonly command: "leave"; readonly identifier: string }
  | { readonly command: "ping" }
  | { readonly command: "pong" }
  /** Well-formed, but nothing that we know: a newer client, perhaps. */
  | { readonly command: "unknown"; readonly name: string };

/** A message of the server, not yet encoded. */
export type ServerMessage =
  | { readonly type: "welcome"; readonly sid: string }
  /** `timestamp` in the client's precision (s, ms or ns), an integer of any size. */
  | { readonly type: "ping"; readonly timestamp: number | bigint }
  | { readonly type: "pong" }
  | { readonly type: "disconnect"; readonly reason: string; readonly reconnect: boolean }
  | { readonly type: "confirm_subscription"; readonly identifier: string }
  | { readonly type: "reject_subscription"; readonly identifier: string }
  | { readonly type: "reject_history"; readonly identifier: string }
  | { readonly type: "presence_error"; readonly identifier: string }
  /** A publication for one identifier. `json` is valid JSON text, embedded as it is. */
  | {
      readonly type: "data";
      readonly identifier: string;
      readonly json: string;
      /** `meta.broadcast_type` of the publication; becomes the message's `type`. */
      readonly broadcastType: string | undefined;
    }
  /** What the application wants said verbatim: JSON text of a message of this very protocol family. */
  | { readonly type: "transmission"; readonly json: string };
