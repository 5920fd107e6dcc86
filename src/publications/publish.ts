import type { StreamHistory } from "../broker/broker.ts";
import type { AcceptBroadcast, Broadcaster } from "../broadcasters/broadcaster.ts";
import type { Clock } from "../clock.ts";
import { CableError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Pubsub, PubsubSink } from "../pubsub/pubsub.ts";
import { parseBroadcast } from "./parse.ts";
import type { Broadcast, Publication } from "./publication.ts";

/**
 * Passes a publication on to all nodes, stored first where it is to be kept for all of them. Resolves once that is done.
 * @throws {CableError} `publication.unavailable`
 */
export function passOnThrough(pubsub: Pubsub, history: StreamHistory | undefined): (publication: Publication) => Promise<void> | void {
  // Where each node keeps what it hears, that is done where it arrives.
  if (history === undefined || history.scope === "node") return (publication) => pubsub.publish(publication);
  return (publication) => {
    if (publication.isTransient || !history.keeps(publication.stream)) return pubsub.publish(publication);
    if (!history.passesOn) refuseWhileAway(pubsub);
    const storing = history.append(publication);
    if (history.passesOn) return storing instanceof Promise ? storing.then(() => {}) : undefined;
    if (!(storing instanceof Promise)) return pubsub.publish({ ...publication, position: storing });
    return storing.then((position) => pubsub.publish({ ...publication, position }));
  };
}

/** Before anything is stored: who is refused tries again, and everybody would hear it once for each try. */
function refuseWhileAway(pubsub: Pubsub): void {
  const state = pubsub.state?.();
  if (state === undefined || state.isConnected) return;
  throw new CableError("publication.unavailable", `Not stored: ${pubsub.name}, which connects the nodes, is away. Try again.`);
}

/**
 * The one way in for what the application says. A broadcaster that reaches one node has its publications passed on to all through the
 * pubsub; one that reaches every node goes straight to the clients of this one.
 */
export function acceptBroadcasts(parts: {
  readonly passOn: (publication: Publication) => Promise<void> | void;
  readonly pubsub: Pubsub;
  readonly local: Pick<PubsubSink, "deliver" | "execute">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}): (reach: Broadcaster["reach"]) => AcceptBroadcast {
  const { passOn, pubsub, local, clock, metrics, logger } = parts;
  return (reach) => (body) => {
    let items: readonly Broadcast[];
    try {
      items = parseBroadcast(body, clock.monotonicMs());
    } catch (error) {
      metrics.counters.failed_broadcast_msg_total++;
      throw error;
    }
    metrics.counters.publications_total += items.length;
    const pass = (item: Broadcast): Promise<void> | void => {
      if (!("command" in item)) return reach === "one" ? passOn(item) : local.deliver(item);
      if (item.command === "disconnect") return reach === "one" ? pubsub.command(item) : local.execute(item);
      // A newer application's. As in AnyCable it is counted and otherwise ignored.
      metrics.counters.remote_commands_total++;
      logger.debug("unknown remote command ignored", { command: item.name });
    };
    if (items.length === 1) return pass(items[0]!);
    return passInOrder(items, pass);
  };
}

/** One after another, waiting only where the medium makes us wait. */
function passInOrder<Item>(items: readonly Item[], pass: (item: Item) => Promise<void> | void): Promise<void> | void {
  for (let at = 0; at < items.length; at++) {
    const pending = pass(items[at]!);
    if (pending) return passTheRest(items, at + 1, pending, pass);
  }
}

async function passTheRest<Item>(
  items: readonly Item[],
  from: number,
  pending: Promise<void>,
  pass: (item: Item) => Promise<void> | void,
): Promise<void> {
  await pending;
  for (let at = from; at < items.length; at++) await pass(items[at]!);
}
