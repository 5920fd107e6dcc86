import type { Pubsub, PubsubSink } from "./pubsub.ts";

/** The pubsub of a node that is alone: everything comes straight back. */
export function localPubsub(): Pubsub {
  let sink: PubsubSink | undefined;
  return {
    name: "local",
    start: async (to) => {
      sink = to;
    },
    publish: (publication) => sink?.deliver(publication),
    command: (command) => sink?.execute(command),
    subscribe: () => {},
    unsubscribe: () => {},
    stop: async () => {
      sink = undefined;
    },
  };
}
