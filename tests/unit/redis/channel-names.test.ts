import { describe, expect, it } from "vitest";
import { BrokerKeys } from "../../../src/broker/redis/keys.ts";
import { channelNames } from "../../../src/redis/channel-names.ts";
import { hashSlot } from "../../../src/redis/hash-slot.ts";

const internal = "__anycable_internal__";

describe("names of channels", () => {
  it("are AnyCable's", () => {
    const { channelOf, internal: own } = channelNames({ internal, reserved: ["__anycable__"] });
    expect(own).toBe("__anycable_internal__");
    for (const stream of ["chat/1", " ", "__anycable", "{a}", "x".repeat(10_000)]) expect(channelOf(stream)).toBe(stream);
  });

  it("have a prefix when one is given, broadcasters' channels excepted", () => {
    const { channelOf, internal: own } = channelNames({ prefix: "app:", internal, reserved: ["app:news"] });
    expect(own).toBe("app:__anycable_internal__");
    expect(channelOf("chat/1")).toBe("app:chat/1");
    expect(channelOf("news")).toBe("app:__ropeway__:news");
  });

  it("never mean two things, nor one that is somebody else's", () => {
    const { channelOf } = channelNames({ internal, reserved: ["__anycable__"] });
    const odd = [internal, "__anycable__", "__redis__:invalidate", "__sentinel__:hello", "__keyspace@0__:k", "__keyevent@0__:del"];
    const streams = [...odd, ...odd.map((name) => `__ropeway__:${name}`), "__ropeway__:", "__ropeway__:__ropeway__:"];
    const channels = streams.map(channelOf);
    expect(new Set(channels).size).toBe(streams.length);
    for (const channel of channels) expect(odd).not.toContain(channel);
  });

  it("are what arrives as UTF-8", () => {
    const { channelOf } = channelNames({ internal });
    expect(channelOf("a\ud800b")).toBe("a\ufffdb");
    expect(channelOf("\ud83d\ude00")).toBe("\ud83d\ude00");
  });

  it("of sharded pub/sub are in the slot of the group's keys, whatever braces a stream or the prefix has", () => {
    const { channelOf, shardedChannelOf } = channelNames({ prefix: "{app}:", internal });
    const streams = ["chat/1", "{a}", "}{", "{", "}", "{}", "", internal, "чат"];
    for (const stream of streams) {
      const tag = /^\{\d+\}/.exec(shardedChannelOf(stream))![0];
      expect(shardedChannelOf(stream)).toBe(tag + channelOf(stream));
      expect(hashSlot(shardedChannelOf(stream))).toBe(new BrokerKeys("").groupOf(stream).slot);
    }
  });

  it("can't be those that streams with odd names are given", () => {
    expect(() => channelNames({ internal: "__ropeway__:x" })).toThrow(/No channel can be called "__ropeway__:x"/);
  });
});
