import { CableError, messageOf } from "../errors.ts";
import { readStatus } from "./answer-status.ts";
import type { ClientEnv, CommandAnswer, CommandRequest, ConnectAnswer, ConnectRequest, DisconnectRequest, State } from "./controller.ts";
import * as proto from "./generated/rpc.ts";

const NOTHING: State = new Map();

export function writeConnect(request: ConnectRequest): Buffer {
  return finish(proto.ConnectionRequest.encode({ env: envOf(request.env, NOTHING, NOTHING) }));
}

export function writeCommand(request: CommandRequest): Buffer {
  const { command, identifier, connectionIdentifiers, data, env, cstate, istate } = request;
  return finish(proto.CommandMessage.encode({ command, identifier, connectionIdentifiers, data, env: envOf(env, cstate, istate) }));
}

export function writeDisconnect(request: DisconnectRequest): Buffer {
  const istates = new Map<string, string>();
  for (const [identifier, state] of request.istates) istates.set(identifier, JSON.stringify(Object.fromEntries(state)));
  return finish(
    proto.DisconnectRequest.encode({
      identifiers: request.connectionIdentifiers,
      subscriptions: request.subscriptions,
      env: envOf(request.env, request.cstate, istates),
    }),
  );
}

/** @throws {CableError} `rpc.invalid_answer`, `rpc.failed`; so do the other two. */
export function readConnect(bytes: Uint8Array): ConnectAnswer {
  const answer = decode(proto.ConnectionResponse, bytes);
  const { transmissions } = answer;
  if (readStatus(answer.status, answer.errorMsg) === "rejected") return { status: "rejected", transmissions };
  return { status: "accepted", identifiers: answer.identifiers, transmissions, cstate: answer.env?.cstate ?? NOTHING };
}

export function readCommand(bytes: Uint8Array): CommandAnswer {
  const answer = decode(proto.CommandResponse, bytes);
  return {
    status: readStatus(answer.status, answer.errorMsg),
    disconnect: answer.disconnect,
    stopAllStreams: answer.stopStreams,
    stoppedStreams: answer.stoppedStreams,
    streams: answer.streams,
    transmissions: answer.transmissions,
    cstate: answer.env?.cstate ?? NOTHING,
    istate: answer.env?.istate ?? NOTHING,
    presence: answer.presence && { type: answer.presence.type, id: answer.presence.id, info: answer.presence.info },
  };
}

export function readDisconnect(bytes: Uint8Array): void {
  // A FAILURE says nothing here: the client is gone either way.
  const { status, errorMsg } = decode(proto.DisconnectResponse, bytes);
  readStatus(status, errorMsg);
}

function envOf(env: ClientEnv, cstate: State, istate: State): proto.Env {
  return { url: env.url, headers: writable(env.headers), cstate: writable(cstate), istate: writable(istate) };
}

/** The generated type says Map where reading would be enough. */
function writable(map: State): Map<string, string> {
  return map as Map<string, string>;
}

function finish(writer: { finish(): Uint8Array<ArrayBuffer> }): Buffer {
  return Buffer.from(writer.finish().buffer);
}

function decode<T>(message: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  try {
    return message.decode(bytes);
  } catch (error) {
    throw new CableError("rpc.invalid_answer", `the application's answer is not the message it should be: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
