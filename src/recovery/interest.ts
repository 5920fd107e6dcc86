import type { StreamHistory } from "../broker/broker.ts";
import type { StreamInterest } from "../hub/hub.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import type { Tails } from "./tails.ts";

/** Asks for a stream wherever its publications come from, and watches it. */
export function streamInterest(pubsub: Pubsub, history: StreamHistory, tails: Tails): StreamInterest {
  const asked = new Set<string>();

  function ask(stream: string): Promise<void> | void {
    asked.add(stream);
    const waits = [pubsub.subscribe(stream), history.follow?.(stream)].filter((wait) => wait !== undefined);
    if (waits.length === 0) return tails.opened(stream);
    return Promise.all(waits).then(() => tails.opened(stream));
  }

  return {
    subscribe(stream) {
      const opening = tails.open(stream);
      if (opening === undefined) return ask(stream);
      return opening.then((isWanted) => (isWanted ? ask(stream) : undefined));
    },
    unsubscribe(stream) {
      tails.close(stream);
      if (!asked.delete(stream)) return;
      history.unfollow?.(stream);
      pubsub.unsubscribe(stream);
    },
  };
}
