import type { LocalChannel } from "./channels.ts";
import { nameVerifier } from "./message-verifier.ts";

/**
 * Turbo Streams of Rails: `<turbo-cable-stream-source>` subscribes with it. No whispers, as in AnyCable.
 *
 * @param secrets what `Turbo.signed_stream_verifier_key` is, or was; see nameVerifier
 */
export function turboStreamsChannel(secrets: readonly string[]): LocalChannel {
  return signedChannel("Turbo::StreamsChannel", "signed_stream_name", secrets);
}

/** Streams of CableReady: `<cable-ready-stream-from>` subscribes with it. No whispers, as in AnyCable. */
export function cableReadyChannel(secrets: readonly string[]): LocalChannel {
  return signedChannel("CableReady::Stream", "identifier", secrets);
}

function signedChannel(channel: string, key: string, secrets: readonly string[]): LocalChannel {
  const verify = nameVerifier(secrets);
  return {
    channel,
    subscribe(params) {
      const signed = params[key];
      if (typeof signed !== "string") return { status: "rejected", why: `${key} must be a string` };
      const name = verify(signed);
      if ("why" in name) return { status: "rejected", why: `${key} is not accepted: ${name.why}` };
      return { status: "accepted", stream: name.stream, whisperStream: undefined };
    },
  };
}
