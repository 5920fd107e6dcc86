import { createClient } from "@redis/client";
import type { PubsubMedium } from "../contract/pubsub.contract.ts";
import { channelNames, type ChannelNamesOptions } from "../../src/redis/channel-names.ts";
import { nodeUrl } from "./redis-cluster.ts";
import { redisCall } from "./redis-client.ts";
import type { RedisServer } from "./redis-server.ts";

/** Names as AnyCable has them, beside a broadcaster that uses the channel of its own. */
export const pubsubChannels: ChannelNamesOptions = { internal: "__anycable_internal__", reserved: ["__anycable__"] };

/** What pub/sub of Redis looks like from outside, summed up over these servers; what is said is said at the last one. */
export function redisMedium(
  servers: readonly RedisServer[],
  channels: ChannelNamesOptions = pubsubChannels,
): Pick<PubsubMedium, "subscribers" | "subjects" | "say" | "oddStreams"> {
  const { channelOf, internal } = channelNames(channels);
  const askAll = (...command: readonly string[]): Promise<unknown[]> =>
    Promise.all(servers.map(async (server) => (await redisCall(nodeUrl(server), command))[0]));
  return {
    async subscribers(streams) {
      const counts = await askAll("PUBSUB", "NUMSUB", ...streams.map(channelOf));
      const of = (reply: unknown, at: number): number => (reply as number[])[2 * at + 1]!;
      return streams.map((_, at) => counts.reduce<number>((sum, reply) => sum + of(reply, at), 0));
    },
    async subjects() {
      const names = new Set((await askAll("PUBSUB", "CHANNELS")).flat() as string[]);
      for (const name of [internal, "__sentinel__:hello"]) names.delete(name);
      return names.size;
    },
    async say(stream, message) {
      const client = createClient({ url: nodeUrl(servers.at(-1)!), RESP: 2 });
      client.on("error", () => {});
      await client.connect();
      await client.sendCommand(["PUBLISH", channelOf(stream), message]);
      client.destroy();
    },
    oddStreams: [internal, ...(channels.reserved ?? []), `__ropeway__:${internal}`, "__ropeway__:x", ...ofRedisItself],
  };
}

const ofRedisItself = ["__redis__:invalidate", "__keyspace@0__:x", "__keyevent@0__:del", "__sentinel__:hello"];
