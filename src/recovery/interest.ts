import type { StreamHistory } from "../broker/broker.ts";
import type { StreamInterest } from "../hub/hub.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import type { Tails } from "./tails.ts";

/** Asks for a stream wherever its publications come from, and watches it. */
export function streamInterest(pubsub: Pubsub, history: StreamHistory, tails: Tails): StreamInterest {
  return {
    subscribe(stream) {
      tails.open(stream);
      const waits = [pubsub.subscribe(stream), history.follow?.(stream)].filter((wait) => wait !== undefined);
      if (waits.length === 0) return tails.opened(stream);
      return Promise.all(waits).then(() => tails.opened(stream));
    },
    unsubscribe(stream) {
      tails.close(stream);
      history.unfollow?.(stream);
      pubsub.unsubscribe(stream);
    },
  };
}
