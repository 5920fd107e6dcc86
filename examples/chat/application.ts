// The application: says who may connect, and hands each command to the channel that its identifier names.

import { randomUUID } from "node:crypto";
import type { Answer, Channel, Client, Subscription } from "./channel.ts";
import type {
  CommandMessage,
  CommandResponse,
  ConnectionRequest,
  ConnectionResponse,
  DisconnectRequest,
  DisconnectResponse,
  Env,
} from "./contract.ts";

const maxNameLength = 40;

export interface Application {
  connect(request: ConnectionRequest, sid: string | undefined): ConnectionResponse;
  command(request: CommandMessage): Promise<CommandResponse>;
  disconnect(request: DisconnectRequest): DisconnectResponse;
}

export function application(channels: Readonly<Record<string, Channel>>): Application {
  return {
    connect({ env }, sid = randomUUID()): ConnectionResponse {
      const name = env === null ? undefined : nameOf(env);
      if (name === undefined) {
        const refusal = { type: "disconnect", reason: "unauthorized", reconnect: false };
        return { status: "FAILURE", transmissions: [JSON.stringify(refusal)], error_msg: "a name is needed: /cable?name=Ada" };
      }
      const client: Client = { id: sid, name };
      return { status: "SUCCESS", identifiers: JSON.stringify(client), transmissions: [JSON.stringify({ type: "welcome", sid })] };
    },

    async command({ command, identifier, connection_identifiers, data }): Promise<CommandResponse> {
      const { channel, params } = find(channels, identifier);
      const subscription: Subscription = { client: clientOf(connection_identifiers), params };
      switch (command) {
        case "subscribe": {
          const answer = channel.subscribe(subscription);
          if (answer === "rejected")
            return { status: "FAILURE", transmissions: [JSON.stringify({ type: "reject_subscription", identifier })] };
          return toResponse(identifier, answer, [JSON.stringify({ type: "confirm_subscription", identifier })]);
        }
        case "message": {
          const { action, ...rest } = parseObject(data, "data");
          return toResponse(identifier, await channel.perform(subscription, String(action), rest));
        }
        case "unsubscribe":
          channel.unsubscribe(subscription);
          return { status: "SUCCESS", stop_streams: true };
        default:
          throw new Error(`unknown command ${JSON.stringify(command)}`);
      }
    },

    disconnect({ identifiers, subscriptions }): DisconnectResponse {
      const client = clientOf(identifiers);
      for (const identifier of subscriptions) {
        const { channel, params } = find(channels, identifier);
        channel.unsubscribe({ client, params });
      }
      return { status: "SUCCESS" };
    },
  };
}

/** The name that a client gives with `?name=` or in a cookie `name`. A real application would look up a signed session here. */
function nameOf({ url, headers }: Env): string | undefined {
  const query = URL.canParse(url) ? new URL(url).searchParams : new URLSearchParams();
  const cookies = new URLSearchParams((headers["cookie"] ?? "").replaceAll(/;\s*/g, "&"));
  const name = (query.get("name") ?? cookies.get("name") ?? "").trim();
  return name === "" || name.length > maxNameLength ? undefined : name;
}

function find(channels: Readonly<Record<string, Channel>>, identifier: string): { channel: Channel; params: Record<string, unknown> } {
  const { channel: name, ...params } = parseObject(identifier, "identifier");
  const channel = typeof name === "string" && Object.hasOwn(channels, name) ? channels[name] : undefined;
  if (channel === undefined) throw new Error(`no such channel: ${JSON.stringify(name)}`);
  return { channel, params };
}

function clientOf(identifiers: string): Client {
  const { id, name } = parseObject(identifiers, "connection identifiers");
  return { id: String(id), name: String(name) };
}

function parseObject(text: string, what: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what}: a JSON object is needed`);
  return { ...value };
}

function toResponse(identifier: string, answer: Answer, first: readonly string[] = []): CommandResponse {
  const messages = (answer.transmit ?? []).map((message) => JSON.stringify({ identifier, message }));
  return {
    status: "SUCCESS",
    streams: answer.streams ?? [],
    transmissions: [...first, ...messages],
    ...(answer.presence !== undefined && { env: { istate: { $p: answer.presence } } }),
  };
}
