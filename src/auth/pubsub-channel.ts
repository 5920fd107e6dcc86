import type { LocalChannel, LocalChannelAnswer } from "./channels.ts";
import { nameVerifier } from "./message-verifier.ts";

export interface PubsubChannelOptions {
  /** Channel name; AnyCable's is `$pubsub`. */
  readonly name: string;
  /**
   * Whether streams may be named in the open (`stream_name`). Everyone who can connect can then hear, and whisper to, every stream whose
   * name they know.
   */
  readonly publicStreams: boolean;
  /** What names are signed with (`signed_stream_name`); see nameVerifier. Empty: none is accepted. */
  readonly secrets: readonly string[];
  /** Whether clients may whisper in signed streams too. */
  readonly whisperInSigned: boolean;
  /** Whether clients may be present in signed streams too, and see who is. Default true, as in AnyCable. Without a broker nobody is. */
  readonly presenceInSigned?: boolean;
}

/** A client subscribes to a stream by its name, without the application. Of two names the signed one counts. */
export function pubsubChannel({
  name,
  publicStreams,
  secrets,
  whisperInSigned,
  presenceInSigned = true,
}: PubsubChannelOptions): LocalChannel {
  const verify = secrets.length === 0 ? undefined : nameVerifier(secrets);

  function subscribeSigned(signed: unknown): LocalChannelAnswer {
    if (verify === undefined) return rejected("signed streams are off: no secret verifies them (see streams_secret)");
    if (typeof signed !== "string") return rejected("signed_stream_name must be a string");
    const verified = verify(signed);
    if ("why" in verified) return rejected(`signed_stream_name is not accepted: ${verified.why}`);
    const { stream } = verified;
    return {
      status: "accepted",
      stream,
      whisperStream: whisperInSigned ? stream : undefined,
      presenceStream: presenceInSigned ? stream : undefined,
    };
  }

  return {
    channel: name,
    subscribe({ stream_name: stream, signed_stream_name: signed }) {
      // Clients that fill in both keys leave the other one empty.
      if (signed !== undefined && signed !== null && signed !== "") return subscribeSigned(signed);
      if (!publicStreams) return rejected("public streams are off (see public_streams)");
      if (typeof stream !== "string" || stream === "") return rejected("stream_name must be a string that is not empty");
      return { status: "accepted", stream, whisperStream: stream, presenceStream: stream };
    },
  };
}

function rejected(why: string): LocalChannelAnswer {
  return { status: "rejected", why };
}
