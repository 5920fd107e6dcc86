import type { TraceContext } from "../internal/trace-context.ts";
import type { ClientEnv } from "../transports/transport.ts";
import type { CallSignal } from "../internal/cancellation.ts";

export type { ClientEnv };

/**
 * PORT: asking the application. Three calls, named and answered as in AnyCable's RPC contract (`proto/rpc.proto`). An answer is a value,
 * rejection included; only a broken call throws.
 */
export interface Controller {
  /**
   * Whether calls carry the client's URL and headers to somebody. When false, sessions don't keep them.
   */
  readonly needsEnv: boolean;
  /** What calls travel over, as records of them say it: `grpc`, `http`. Absent = they don't travel. */
  readonly system?: string;
  connect(request: ConnectRequest, signal: CallSignal): Promise<ConnectAnswer>;
  command(request: CommandRequest, signal: CallSignal): Promise<CommandAnswer>;
  disconnect(request: DisconnectRequest, signal: CallSignal): Promise<void>;
  /** Begins to connect; MUST NOT wait for the application to be there. */
  start?(): Promise<void>;
  stop?(): Promise<void>;
  /** For the readiness page: can the application be reached, as far as is known? Absent = nothing to reach. */
  isReachable?(): boolean;
}

/**
 * Every method throws CableError with one of these codes, and nothing else:
 * `rpc.unavailable` and `rpc.exhausted` (the only ones that may be retried), `rpc.timeout`, `rpc.canceled` (the signal fired),
 * `rpc.unauthenticated`, `rpc.invalid_answer`, `rpc.failed` (which includes an answer with status ERROR).
 */
export type ControllerErrorCode =
  | "rpc.unavailable"
  | "rpc.exhausted"
  | "rpc.timeout"
  | "rpc.canceled"
  | "rpc.unauthenticated"
  | "rpc.invalid_answer"
  | "rpc.failed";

/** What all requests have. */
interface AnyRequest {
  readonly sid: string;
  readonly env: ClientEnv;
  /** The span that makes the call, for the application's own to follow. Absent = nobody keeps a record. */
  readonly trace?: TraceContext;
}

/** State that the application keeps with us between its calls. Keys and values are the application's own. */
export type State = ReadonlyMap<string, string>;

export type ConnectRequest = AnyRequest;

export interface CommandRequest extends AnyRequest {
  readonly command: "subscribe" | "unsubscribe" | "message";
  /** The subscription's identifier, byte for byte as the client sent it. */
  readonly identifier: string;
  /** The connection identifiers that the application returned from `connect`. */
  readonly connectionIdentifiers: string;
  /** What the client said with `message`; empty otherwise. */
  readonly data: string;
  /** The connection's state. */
  readonly cstate: State;
  /** The state of this subscription. */
  readonly istate: State;
}

export interface DisconnectRequest extends AnyRequest {
  readonly connectionIdentifiers: string;
  /** Identifiers of the subscriptions that the client had. */
  readonly subscriptions: readonly string[];
  readonly cstate: State;
  /** Identifier → that subscription's state. */
  readonly istates: ReadonlyMap<string, State>;
}

export type ConnectAnswer =
  | {
      readonly status: "accepted";
      readonly identifiers: string;
      /** Sent to the client verbatim; usually the welcome. */
      readonly transmissions: readonly string[];
      /** Merged into the connection's state: a value is set, an empty string deletes its key. */
      readonly cstate: State;
    }
  | { readonly status: "rejected"; readonly transmissions: readonly string[] };

export interface CommandAnswer {
  readonly status: "accepted" | "rejected";
  /** End the connection once everything else is done. */
  readonly disconnect: boolean;
  readonly stopAllStreams: boolean;
  readonly stoppedStreams: readonly string[];
  readonly streams: readonly string[];
  readonly transmissions: readonly string[];
  readonly cstate: State;
  readonly istate: State;
  /** Join or leave on the application's word; `info` is JSON text. */
  readonly presence: { readonly type: string; readonly id: string; readonly info: string } | undefined;
}
