import { CableError } from "../errors.ts";
import type { CommandAnswer, CommandRequest, ConnectAnswer, Controller } from "./controller.ts";

const UNAUTHORIZED: ConnectAnswer = {
  status: "rejected",
  transmissions: [JSON.stringify({ type: "disconnect", reason: "unauthorized", reconnect: false })],
};

/** Nobody to ask (`--norpc`): what nobody else has allowed is refused, as in AnyCable. */
export function noController(): Controller {
  return {
    needsEnv: false,
    connect: () => Promise.resolve(UNAUTHORIZED),
    command: (request) => (request.command === "subscribe" ? Promise.resolve(refusal(request)) : Promise.reject(notImplemented())),
    disconnect: () => Promise.reject(notImplemented()),
  };
}

function refusal({ identifier }: CommandRequest): CommandAnswer {
  return {
    status: "rejected",
    disconnect: false,
    stopAllStreams: false,
    stoppedStreams: [],
    streams: [],
    transmissions: [JSON.stringify({ type: "reject_subscription", identifier })],
    cstate: new Map(),
    istate: new Map(),
    presence: undefined,
  };
}

function notImplemented(): CableError {
  return new CableError("rpc.failed", "not implemented: there is no application to ask (norpc)");
}
