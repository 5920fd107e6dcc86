import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findLocalChannelAmong, type LocalChannel } from "../../src/auth/channels.ts";

type Params = Readonly<Record<string, unknown>>;

export interface LocalChannelUnderTest {
  readonly channel: LocalChannel;
  /** What a client names it. */
  readonly name: string;
  /** Identifiers, less the channel's name, that it accepts, and what they lead to. */
  readonly accepted: readonly {
    readonly params: Params;
    readonly stream: string;
    readonly whispers: boolean;
    readonly presence: boolean;
  }[];
  /** Those that it refuses, by what is wrong with them. */
  readonly rejected: Readonly<Record<string, Params>>;
  /** Is in no reason that it gives. */
  readonly secret?: string;
}

export function localChannelContract(title: string, { channel, name, accepted, rejected, secret }: LocalChannelUnderTest): void {
  describe(`local channel ${title}`, () => {
    const find = findLocalChannelAmong([{ ...channel, channel: "another" }, channel]);
    const subscribe = (params: Params): ReturnType<LocalChannel["subscribe"]> => {
      const found = find(JSON.stringify({ channel: name, ...params }))!;
      expect(found.channel).toBe(channel);
      return found.channel.subscribe(found.params);
    };

    it.each(accepted)("accepts $params", ({ params, stream, whispers, presence }) => {
      const presenceStream = presence ? stream : undefined;
      const answer = { status: "accepted", stream, whisperStream: whispers ? stream : undefined, presenceStream };
      expect(subscribe(params)).toEqual(answer);
      expect(subscribe({ ...params, else: { any: "thing" } }), "whatever else the identifier says").toEqual(answer);
    });

    it.each(Object.entries(rejected))("rejects %s, and says why", (_what, params) => {
      const answer = subscribe(params);
      expect(answer).toEqual({ status: "rejected", why: expect.stringMatching(/./u) });
      if (secret !== undefined) expect(JSON.stringify(answer)).not.toContain(secret);
    });

    it("answers any identifier, and never fails", () => {
      const keys = ["stream_name", "signed_stream_name", "identifier", "channel", "__proto__"];
      const params = fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), fc.jsonValue());
      fc.assert(
        fc.property(params, (any) => {
          expect(["accepted", "rejected"]).toContain(channel.subscribe(any).status);
        }),
      );
    });
  });
}
