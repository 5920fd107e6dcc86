import type { Controller } from "../../src/rpc/controller.ts";
import { acceptance } from "../support/scripted-controller.ts";

/** Streams `s0` and up; the last one is not kept. */
export function streamNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `s${index}`);
}

/** What clients subscribe to: each stream by its name, and pairs of neighbours that the application answers for. */
export interface Channel {
  readonly identifier: string;
  readonly streams: readonly string[];
}

export function channelsOf(streams: readonly string[]): readonly Channel[] {
  const alone = streams.map((stream) => ({
    identifier: JSON.stringify({ channel: "$pubsub", stream_name: stream }),
    streams: [stream],
  }));
  const pairs = streams.map((stream, index) => ({
    identifier: JSON.stringify({ channel: "Pair", of: index }),
    streams: [stream, streams[(index + 1) % streams.length]!],
  }));
  return [...alone, ...pairs];
}

/** The application: it takes its time to answer for every other pair. */
export function pairsController(channels: readonly Channel[]): Controller {
  const indexes = new Map(channels.map((channel, index) => [channel.identifier, { channel, index }]));
  return {
    needsEnv: false,
    connect: () => Promise.reject(new Error("nobody asks: everybody may connect")),
    async command({ command, identifier }) {
      const { channel, index } = indexes.get(identifier)!;
      if (index % 2 === 1) await new Promise((resolve) => setImmediate(resolve));
      if (command !== "subscribe") return acceptance;
      const transmissions = [JSON.stringify({ type: "confirm_subscription", identifier })];
      return { ...acceptance, streams: channel.streams, transmissions };
    },
    disconnect: async () => {},
  };
}
