import type { Answer, Channel } from "./channel.ts";
import type { Publish } from "./publish.ts";

const stream = "appearances";
const maxLabelLength = 40;

export interface AppearanceChannel extends Channel {
  /** Forgets everybody: for a cable server that died without telling who left. */
  clear(): void;
}

/**
 * Who is online. A client appears with the action `appear`, after its subscription is confirmed, so that it hears its own
 * appearance; it disappears when it unsubscribes or when the cable server reports the end of its connection.
 */
export function appearanceChannel(publish: Publish, onError: (error: unknown) => void): AppearanceChannel {
  const peopleById = new Map<string, { readonly name: string; readonly via: string }>();

  function tellEverybody(): void {
    publish(stream, { type: "online", people: [...peopleById.values()] }).catch(onError);
  }

  return {
    subscribe(): Answer {
      return { streams: [stream] };
    },

    async perform({ client }, action, data): Promise<Answer> {
      if (action !== "appear") throw new Error(`AppearanceChannel has no action ${JSON.stringify(action)}`);
      const via = typeof data["via"] === "string" ? data["via"].slice(0, maxLabelLength) : "";
      peopleById.set(client.id, { name: client.name, via });
      tellEverybody();
      return {};
    },

    unsubscribe({ client }): void {
      if (peopleById.delete(client.id)) tellEverybody();
    },

    clear(): void {
      peopleById.clear();
    },
  };
}
