import type { StreamHistory } from "../broker/broker.ts";
import type { Clock, Timer } from "../clock.ts";
import type { StreamInterest } from "../hub/hub.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";

/** How often it is looked for streams that nobody comes back to. */
const LOOK_MS = 10_000;

/** Asks for streams where each node keeps what it hears: not a moment of a stream must be missed while its history is in use. */
export function nodeInterest(pubsub: Pubsub, history: StreamHistory, clock: Clock): StreamInterest & { listened(): readonly string[] } {
  const listened = new Set<string>();
  /** Streams without listeners, and until when they are kept all the same, in that order. */
  const lingering = new Map<string, number>();
  let timer: Timer | undefined;

  function letGo(stream: string): void {
    history.unfollow?.(stream);
    pubsub.unsubscribe(stream);
  }

  function lookLater(): void {
    timer ??= clock.after(LOOK_MS, () => {
      timer = undefined;
      const nowMs = clock.monotonicMs();
      for (const [stream, untilMs] of lingering) {
        if (untilMs > nowMs) break;
        lingering.delete(stream);
        letGo(stream);
      }
      if (lingering.size > 0) lookLater();
    });
  }

  return {
    listened: () => [...listened],
    subscribe(stream) {
      listened.add(stream);
      if (lingering.delete(stream)) return;
      const heard = pubsub.subscribe(stream);
      if (heard === undefined) return void history.follow?.(stream);
      return heard.then(() => {
        if (listened.has(stream) || lingering.has(stream)) void history.follow?.(stream);
      });
    },
    unsubscribe(stream) {
      listened.delete(stream);
      if (history.lingerMs === undefined) return letGo(stream);
      lingering.set(stream, clock.monotonicMs() + history.lingerMs);
      lookLater();
    },
  };
}
