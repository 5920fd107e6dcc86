import type { CommandRequest, DisconnectRequest } from "../../../src/rpc/controller.ts";

const env = { url: "http://localhost/cable", headers: new Map<string, string>() };

export function commandOf(sid: string): CommandRequest {
  return { sid, env, command: "message", identifier: "{}", connectionIdentifiers: "", data: "", cstate: new Map(), istate: new Map() };
}

export function disconnectOf(sid: string): DisconnectRequest {
  return { sid, env, connectionIdentifiers: "", subscriptions: [], cstate: new Map(), istates: new Map() };
}
