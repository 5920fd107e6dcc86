import { inProcessController, type Controller } from "ropeway";

/** A chat: clients say who they are with `?name=`, subscribe to `{"channel":"Chat","room":"…"}`, and speak. */
export function application(publish: (stream: string, data: unknown) => Promise<void>): Controller {
  return inProcessController({
    connect({ env }) {
      const name = new URL(env.url).searchParams.get("name");
      return name === null ? { status: "rejected" } : { status: "accepted", identifiers: name };
    },
    async command({ command, identifier, connectionIdentifiers: name, data }) {
      const stream = streamOf(identifier);
      if (stream === undefined) return { status: "rejected" };
      // Its presence goes with the subscription, so `unsubscribe` has nothing to do.
      if (command === "subscribe") return { streams: [stream], istate: new Map([["$p", stream]]), presence: { type: "join", id: name } };
      if (command === "message") await publish(stream, { name, text: data });
      return undefined;
    },
  });
}

function streamOf(identifier: string): string | undefined {
  const { channel, room } = JSON.parse(identifier) as { readonly channel?: unknown; readonly room?: unknown };
  return channel === "Chat" && typeof room === "string" ? `chat/${room}` : undefined;
}
