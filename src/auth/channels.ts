/**
 * PORT: channels that Ropeway answers itself, without asking the application. The name is the `channel` key of a subscription's
 * identifier.
 */
export interface LocalChannel {
  readonly channel: string;
  /** MUST NOT throw: what can't be read is rejected. `params` is the parsed identifier. */
  subscribe(params: Readonly<Record<string, unknown>>): LocalChannelAnswer;
}

export type LocalChannelAnswer =
  /**
   * Subscribed to `stream`; `whisperStream` is where whispers go, when they are allowed, and `presenceStream` whose presence set the client
   * may see and be in.
   */
  | {
      readonly status: "accepted";
      readonly stream: string;
      readonly whisperStream: string | undefined;
      readonly presenceStream?: string | undefined;
    }
  /** `why` is for the log. */
  | { readonly status: "rejected"; readonly why: string };

/** Finds the local channel that an identifier names. Anything that is not a JSON object with a known `channel` is the application's. */
export type FindLocalChannel = (
  identifier: string,
) => { readonly channel: LocalChannel; readonly params: Readonly<Record<string, unknown>> } | undefined;

export function findLocalChannelAmong(channels: readonly LocalChannel[]): FindLocalChannel {
  const byName = new Map(channels.map((channel) => [channel.channel, channel]));
  return (identifier) => {
    let params: unknown;
    try {
      params = JSON.parse(identifier);
    } catch {
      return undefined;
    }
    if (typeof params !== "object" || params === null || !("channel" in params)) return undefined;
    const channel = typeof params.channel === "string" ? byName.get(params.channel) : undefined;
    return channel && { channel, params: params as Readonly<Record<string, unknown>> };
  };
}
