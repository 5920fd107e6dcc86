import type { LocalChannel } from "../auth/channels.ts";
import { pubsubChannel as channel, type PubsubChannelOptions as Options } from "../auth/pubsub-channel.ts";

export { signedName } from "../auth/message-verifier.ts";
export { cableReadyChannel, turboStreamsChannel } from "../auth/signed-channels.ts";

/**
 * `name` is `$pubsub` by default, which clients have built in; `secrets` is empty, `publicStreams` and `whisperInSigned` are false. So at
 * least one of `secrets` and `publicStreams` is needed for anybody to hear anything.
 */
export type PubsubChannelOptions = Partial<Options>;

/** Clients subscribe to streams by name, signed (see `signedName`) or in the open. */
export function pubsubChannel(options: PubsubChannelOptions): LocalChannel {
  return channel({ name: "$pubsub", publicStreams: false, secrets: [], whisperInSigned: false, ...options });
}
