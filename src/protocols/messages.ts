/**
 * What clients and the server say to each other, whatever the encoding. Field names are the wire's; the shapes are those of Action
 * Cable's `actioncable-v1-json` and AnyCable's additions to it.
 */

/** What a client asks for when it asks for what it missed. */
export interface HistoryRequest {
  /** From this second of Unix time on, for streams without a position; 0 = nothing. */
  readonly since: number;
  /** Stream → the last position that the client knows. One that makes no sense is `ABSURD_POSITION`. */
  readonly streams: ReadonlyMap<string, { readonly epoch: string; readonly offset: number }>;
}

/** Of no stream: no epoch is empty. */
export const ABSURD_POSITION = { epoch: "", offset: 0 } as const;

/** What a client wants to be present as. */
export interface PresenceRequest {
  readonly id: string;
  /** What others get to see, JSON text. */
  readonly info: string;
}

/** A command of a client, decoded and type-checked. */
export type ClientCommand =
  | {
      readonly command: "subscribe";
      readonly identifier: string;
      /** The client also asks for what it missed. */
      readonly history?: HistoryRequest | undefined;
      /** The client also wants to be present. */
      readonly presence?: PresenceRequest | undefined;
    }
  | { readonly command: "unsubscribe"; readonly identifier: string }
  | { readonly command: "message"; readonly identifier: string; readonly data: string }
  /** `data` is the JSON text of what the other subscribers shall hear. */
  | { readonly command: "whisper"; readonly identifier: string; readonly data: string }
  /** Without `history` it asks for nothing that could be answered. */
  | { readonly command: "history"; readonly identifier: string; readonly history?: HistoryRequest | undefined }
  /** Who is there; without records only how many. */
  | { readonly command: "presence"; readonly identifier: string; readonly withRecords: boolean }
  | { readonly command: "join"; readonly identifier: string; readonly presence: PresenceRequest }
  | { readonly command: "leave"; readonly identifier: string }
  | { readonly command: "ping" }
  | { readonly command: "pong" }
  /** Well-formed, but nothing that we know: a newer client, perhaps. */
  | { readonly command: "unknown"; readonly name: string };

/** A message of the server, not yet encoded. */
export type ServerMessage =
  | { readonly type: "welcome"; readonly sid: string }
  /** The session goes on: `restoredIds` are the identifiers of its subscriptions. */
  | { readonly type: "welcome_back"; readonly sid: string; readonly restoredIds: readonly string[] }
  /** `timestamp` in the client's precision (s, ms or ns), an integer of any size. */
  | { readonly type: "ping"; readonly timestamp: number | bigint }
  | { readonly type: "pong" }
  | { readonly type: "disconnect"; readonly reason: string; readonly reconnect: boolean }
  | { readonly type: "confirm_subscription"; readonly identifier: string }
  | { readonly type: "reject_subscription"; readonly identifier: string }
  | { readonly type: "confirm_history"; readonly identifier: string }
  | { readonly type: "reject_history"; readonly identifier: string }
  | {
      readonly type: "presence_info";
      readonly identifier: string;
      readonly total: number;
      /** `info` is JSON text. */
      readonly records: readonly { readonly id: string; readonly info: string }[];
    }
  | { readonly type: "presence_error"; readonly identifier: string }
  /** A publication for one identifier. `json` is valid JSON text, embedded as it is. */
  | {
      readonly type: "data";
      readonly identifier: string;
      readonly json: string;
      /** `meta.broadcast_type` of the publication; becomes the message's `type`. */
      readonly broadcastType: string | undefined;
      /** Where it stands in the history of a stream, when it is kept there. */
      readonly position?: { readonly stream: string; readonly epoch: string; readonly offset: number } | undefined;
    }
  /** What the application wants said verbatim: JSON text of a message of this very protocol family. */
  | { readonly type: "transmission"; readonly json: string };
