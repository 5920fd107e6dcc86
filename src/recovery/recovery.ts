import type { StreamHistory } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import { closings } from "../close-codes.ts";
import type { Hub, StreamInterest } from "../hub/hub.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { HistoryRequest } from "../protocols/messages.ts";
import type { Publication } from "../publications/publication.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import type { Hold } from "../session/hold.ts";
import type { Session } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { TimerWheel } from "../session/timer-wheel.ts";
import { streamInterest } from "./interest.ts";
import { nodeInterest } from "./node-interest.ts";
import { Replay } from "./replay.ts";
import { RestoreWindow } from "./restore-window.ts";
import { Tails, type Standing } from "./tails.ts";

export interface RecoveryOptions {
  readonly history: StreamHistory;
  readonly pubsub: Pubsub;
  /** Gives a publication to this node's listeners. */
  readonly deliver: (publication: Publication) => void;
  readonly hub: () => Hub;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What is between a history and the listeners of this node: nothing is missed here without being noticed, and who was away catches up. */
export interface Recovery {
  /** For the hub: asks for streams. */
  readonly interest: StreamInterest;
  /** A publication has arrived. */
  deliver(publication: Publication): void;
  /** Publications may not have arrived lately. */
  missed(): void;
  /** Holds back a stream that the subscription is about to hear; undefined when nothing of it is kept. */
  hold(subscription: Subscription, stream: string, isAsked: boolean): Hold | undefined;
  /** The client has asked for history, and is going to be answered when it is its turn. */
  asked(session: Session, subscription: Subscription): void;
  /** Sends what the client missed, or says that it can't. */
  answer(session: Session, subscription: Subscription, request: HistoryRequest): Promise<void>;
  /** The client wants no backlog: what is held back without being asked for is sent as it came. */
  letGo(session: Session, subscription: Subscription): void;
  /** The session was restored and its client has been told. */
  restored(session: Session): void;
}

export function recovery(options: RecoveryOptions): Recovery {
  return options.history.scope === "cluster" ? clusterRecovery(options) : nodeRecovery(options);
}

/** Positions come from one store for all nodes, so whatever is missing here is found there. */
function clusterRecovery({ history, pubsub, deliver, hub, wheel, ...shared }: RecoveryOptions): Recovery {
  const tails = new Tails({ ...shared, history, deliver, lost: (stream) => hub().closeListeners(stream, closings.missedMessages) });
  const replay = new Replay({
    ...shared,
    history,
    hub,
    standing: (stream) => tails.standing(stream),
    begunAt: (stream) => tails.begunAt(stream),
    isBehind: (stream, head) => tails.isBehind(stream, head),
  });
  return {
    ...answersOf(replay, wheel, shared.clock),
    interest: streamInterest(pubsub, history, tails),
    deliver: (publication) => tails.deliver(publication),
    missed: () => tails.missed(),
  };
}

/** Each node keeps what it hears, when it hears it. */
function nodeRecovery({ history, pubsub, deliver, hub, wheel, ...shared }: RecoveryOptions): Recovery {
  const { clock, logger } = shared;
  // Scope `node` answers at once: there is nobody to wait for.
  const standing = (stream: string): Standing => {
    const head = history.head(stream);
    return head instanceof Promise ? undefined : (head ?? "none");
  };
  const replay = new Replay({ ...shared, history, hub, standing, begunAt: () => undefined, isBehind: () => false });
  const interest = nodeInterest(pubsub, history, clock);
  return {
    ...answersOf(replay, wheel, clock),
    interest,
    deliver(publication) {
      if (publication.isTransient || !history.keeps(publication.stream)) return deliver(publication);
      const stored = history.append(publication);
      if (!(stored instanceof Promise)) deliver({ ...publication, position: stored });
    },
    missed() {
      history.missed?.();
      const streams = interest.listened();
      logger.warn("Publications of other nodes may be missed: listeners are disconnected, to come back", { streams: streams.length });
      for (const stream of streams) hub().closeListeners(stream, closings.missedMessages);
    },
  };
}

function answersOf(replay: Replay, wheel: TimerWheel, clock: Clock): Pick<Recovery, "hold" | "asked" | "answer" | "letGo" | "restored"> {
  return {
    hold: (subscription, stream, isAsked) => replay.newHold(subscription, stream, isAsked),
    asked: (session, subscription) => replay.asked(session, subscription),
    answer: (session, subscription, request) => replay.answer(session, subscription, request),
    letGo: (session, subscription) => replay.letGo(session, subscription),
    restored(session) {
      for (const { holds } of session.subscriptions.values()) {
        if (holds !== undefined) return void new RestoreWindow(session, replay, wheel, clock);
      }
    },
  };
}
