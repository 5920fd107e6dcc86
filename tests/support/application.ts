import type {
  CommandMessage,
  CommandResponse,
  ConnectionRequest,
  ConnectionResponse,
  DisconnectRequest,
  DisconnectResponse,
} from "../../src/rpc/generated/rpc.ts";

/**
 * An application's side of the RPC contract, in the contract's own words and whatever it travels over. A handler that is missing
 * answers SUCCESS. What a handler leaves out of its answer has its default, except the status: that is SUCCESS.
 */
export interface Application {
  connect?(request: ConnectionRequest, call: IncomingCall): Answer<ConnectionResponse>;
  command?(request: CommandMessage, call: IncomingCall): Answer<CommandResponse>;
  disconnect?(request: DisconnectRequest, call: IncomingCall): Answer<DisconnectResponse>;
}

/** Bytes are sent as they are, and may be no message at all. */
type Answer<Response> = Sent<Response> | Promise<Sent<Response>>;
type Sent<Response> = (Partial<Omit<Response, "status">> & { readonly status?: number }) | Uint8Array;

export interface IncomingCall {
  readonly sid: string;
  readonly protov: string;
  /** The trace that the call is part of; empty when it is none. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Fires when the caller has given the call up. */
  readonly canceled: AbortSignal;
}

/** Thrown by a handler: the call itself fails, and there is no answer. */
export class Refusal extends Error {
  readonly kind: "unavailable" | "exhausted" | "unauthenticated" | "unknown";

  constructor(kind: Refusal["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}
