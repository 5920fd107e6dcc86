import type { LocalChannel } from "./channels.ts";

/**
 * The `$pubsub` channel: a client subscribes to a stream by its name, without the application.
 *
 * @param options.name channel name; AnyCable's is `$pubsub`
 * @param options.publicStreams whether streams may be named in the open (`stream_name`). Everyone who can connect can then hear, and
 *   whisper to, every stream whose name they know.
 */
export function pubsubChannel(options: { readonly name: string; readonly publicStreams: boolean }): LocalChannel {
  return {
    channel: options.name,
    subscribe({ stream_name: stream, signed_stream_name: signed }) {
      if (signed !== undefined) return { status: "rejected", why: "signed streams are not available: no secret verifies them" };
      if (!options.publicStreams) return { status: "rejected", why: "public streams are off (see public_streams)" };
      if (typeof stream !== "string" || stream === "") return { status: "rejected", why: "stream_name must be a string that is not empty" };
      return { status: "accepted", stream, whisperStream: stream };
    },
  };
}
