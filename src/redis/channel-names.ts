import { CableError } from "../errors.ts";
import { streamGroupOf, streamTags } from "./stream-tags.ts";

export interface ChannelNamesOptions {
  /** Stands before all names, so that applications that share a Redis don't hear each other. Default none, as in AnyCable. */
  readonly prefix?: string | undefined;
  /** Where nodes tell each other what concerns all of them. AnyCable's default is `__anycable_internal__`. */
  readonly internal: string;
  /** Channels that others listen to for something else, with their full names: those of broadcasters. Default none. */
  readonly reserved?: readonly string[] | undefined;
}

/** Which pub/sub channel of Redis is for what. */
export interface ChannelNames {
  readonly internal: string;
  /**
   * Where publications of a stream go: the stream's own name, as in AnyCable 1.6.16, unless something else uses it already. Two streams have
   * the same channel only if they differ in nothing but lone surrogates, which UTF-8 can't say.
   */
  channelOf(stream: string): string;
  /** The same for sharded pub/sub, which has channels of its own: in the slot of the keys that a broker keeps for the stream. */
  shardedChannelOf(stream: string): string;
}

/** @throws {CableError} `config.invalid_value` */
export function channelNames({ prefix = "", internal, reserved = [] }: ChannelNamesOptions): ChannelNames {
  const internalChannel = wellFormed(prefix + internal);
  const taken = new Set([internalChannel, ...reserved]);
  for (const name of taken) {
    if (!name.startsWith(prefix + escape)) continue;
    throw new CableError(
      "config.invalid_value",
      `No channel can be called ${JSON.stringify(name)}: streams with odd names use such channels.`,
    );
  }
  const channelOf = (stream: string): string => {
    const channel = wellFormed(prefix + stream);
    const isFree = !taken.has(channel) && !stream.startsWith(escape) && !ofRedis.test(channel);
    return isFree ? channel : wellFormed(prefix + escape + stream);
  };
  return {
    internal: internalChannel,
    channelOf,
    shardedChannelOf: (stream) => `{${streamTags[streamGroupOf(stream)]!}}${channelOf(stream)}`,
  };
}

const escape = "__ropeway__:";
/** What Redis and its sentinels publish themselves. */
const ofRedis = /^__(?:redis__:|sentinel__:|keyspace@|keyevent@)/;

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}
