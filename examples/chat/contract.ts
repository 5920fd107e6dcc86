// The RPC contract between the cable server and an application (proto/rpc.proto), as a Node application sees it.

import { type ServiceDefinition, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export type Status = "ERROR" | "SUCCESS" | "FAILURE";

/** What the cable server tells about the client's handshake and keeps for us between calls. */
export interface Env {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ConnectionRequest {
  readonly env: Env | null;
}

export interface ConnectionResponse {
  readonly status: Status;
  /** Who this client is. Comes back unchanged with every later call. */
  readonly identifiers?: string;
  readonly transmissions?: readonly string[];
  readonly error_msg?: string;
}

export interface CommandMessage {
  readonly command: string;
  readonly identifier: string;
  readonly connection_identifiers: string;
  readonly data: string;
}

export interface CommandResponse {
  readonly status: Status;
  readonly streams?: readonly string[];
  readonly stop_streams?: boolean;
  /** Frames for this client, sent as they are. */
  readonly transmissions?: readonly string[];
  /** What the cable server is to remember of this subscription; `$p` is the stream whose presence set the client may be in. */
  readonly env?: { readonly istate: Readonly<Record<string, string>> };
  readonly error_msg?: string;
}

export interface DisconnectRequest {
  readonly identifiers: string;
  /** Identifiers of the subscriptions that the client still had. */
  readonly subscriptions: readonly string[];
}

export interface DisconnectResponse {
  readonly status: Status;
  readonly error_msg?: string;
}

export type UnaryHandler<Request, Response> = (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => void;

/** Reads the service `anycable.RPC` from a .proto file. Throws when the file is missing or has no such service. */
export function loadRpcService(protoPath: string): ServiceDefinition {
  const definitions = loadSync(protoPath, { keepCase: true, enums: String, defaults: true });
  const service = definitions["anycable.RPC"];
  if (service === undefined || !("Connect" in service)) throw new Error(`${protoPath} has no service anycable.RPC`);
  return service as ServiceDefinition;
}
