import { Status, type Env } from "../../src/rpc/generated/rpc.ts";
import type { Application } from "./application.ts";

/** Publishes to a stream, as `ActionCable.server.broadcast` does. */
export type Broadcast = (stream: string, message: unknown, meta?: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** A channel of the application: what it does when somebody subscribes, leaves or calls one of its actions. */
export interface Channel {
  subscribed?(call: ChannelCall): void | Promise<void>;
  unsubscribed?(call: ChannelCall): void | Promise<void>;
  readonly actions?: Readonly<Record<string, (call: ChannelCall, data: Readonly<Record<string, string>>) => void | Promise<void>>>;
}

export interface ChannelAppOptions {
  /** The connection identifiers of whoever comes; undefined = turned away. Default: everybody is somebody of their own. */
  readonly connect?: (call: {
    readonly url: URL;
    readonly headers: ReadonlyMap<string, string>;
    readonly sid: string;
  }) => object | undefined;
  readonly channels: Readonly<Record<string, Channel>>;
  readonly broadcast: Broadcast;
}

/** What a channel can see and do during one call. Words and behaviour are those of Rails channels under AnyCable. */
export class ChannelCall {
  readonly params: Readonly<Record<string, string | number>>;
  readonly url: URL;
  readonly headers: ReadonlyMap<string, string>;
  readonly sid: string;
  readonly broadcast: Broadcast;
  /** Kept between the calls of a subscription. */
  readonly state: Map<string, unknown>;
  isRejected = false;
  readonly streams: string[] = [];
  readonly stoppedStreams: string[] = [];
  readonly transmissions: string[] = [];
  stopStreams = false;
  readonly identifier: string;
  readonly #channelState = new Map<string, string>();

  constructor(identifier: string, env: Env, sid: string, broadcast: Broadcast, istate: ReadonlyMap<string, string>) {
    this.identifier = identifier;
    this.params = JSON.parse(identifier) as Record<string, string | number>;
    this.url = new URL(env.url);
    this.headers = env.headers;
    this.sid = sid;
    this.broadcast = broadcast;
    this.state = new Map([...istate].filter(([key]) => key !== "$w").map(([key, json]) => [key, JSON.parse(json) as unknown]));
  }

  streamFrom(stream: string, options: { readonly whisper?: boolean } = {}): void {
    this.streams.push(stream);
    if (options.whisper) this.#channelState.set("$w", stream);
  }

  stopStreamFrom(stream: string): void {
    this.stoppedStreams.push(stream);
  }

  stopAllStreams(): void {
    this.stopStreams = true;
  }

  transmit(message: unknown): void {
    this.transmissions.push(JSON.stringify({ identifier: this.identifier, message }));
  }

  reject(): void {
    this.isRejected = true;
  }

  /** What changed in the state, as it travels. */
  get istate(): Map<string, string> {
    return new Map([...this.#channelState, ...[...this.state].map(([key, value]) => [key, JSON.stringify(value)] as const)]);
  }
}

/** An application with channels that answers calls as anycable-rails does. */
export function channelApp({ connect, channels, broadcast }: ChannelAppOptions): Application {
  const channelOf = (call: ChannelCall): Channel => channels[call.params["channel"]!] ?? {};
  return {
    connect({ env }, { sid }) {
      const identifiers = connect ? connect({ url: new URL(env!.url), headers: env!.headers, sid }) : { uid: sid };
      if (identifiers) return { identifiers: JSON.stringify(identifiers), transmissions: [JSON.stringify({ type: "welcome", sid })] };
      const goodbye = { type: "disconnect", reason: "unauthorized", reconnect: false };
      return { status: Status.FAILURE, transmissions: [JSON.stringify(goodbye)] };
    },

    async command({ command, identifier, data, env }, { sid }) {
      const call = new ChannelCall(identifier, env!, sid, broadcast, env!.istate);
      const channel = channelOf(call);
      const say = (type: string): number => call.transmissions.push(JSON.stringify({ type, identifier }));
      if (command === "subscribe") {
        await channel.subscribed?.(call);
        if (call.isRejected) {
          say("reject_subscription");
          return { status: Status.FAILURE, transmissions: call.transmissions };
        }
        say("confirm_subscription");
      } else if (command === "unsubscribe") {
        await channel.unsubscribed?.(call);
        call.stopAllStreams();
      } else {
        const { action, ...rest } = JSON.parse(data) as { readonly action: string } & Readonly<Record<string, string>>;
        await channel.actions?.[action]?.(call, rest);
      }
      const { streams, stoppedStreams, transmissions, stopStreams } = call;
      return { streams, stoppedStreams, transmissions, stopStreams, env: { cstate: new Map(), istate: call.istate } };
    },

    async disconnect({ subscriptions, env }, { sid }) {
      for (const identifier of subscriptions) {
        const istate = Object.entries(JSON.parse(env!.istate.get(identifier) ?? "{}") as Record<string, string>);
        const call = new ChannelCall(identifier, env!, sid, broadcast, new Map(istate));
        await channelOf(call).unsubscribed?.(call);
      }
      return {};
    },
  };
}
