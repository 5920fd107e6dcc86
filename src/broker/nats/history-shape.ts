import type { StreamConfig, StreamInfo } from "@nats-io/jetstream";
import type { BegunEntry, StreamSettings } from "./directory.ts";
import { nanos, type StreamShape } from "./jetstream.ts";
import type { BrokerNames } from "./names.ts";
import type { HistoryState } from "./reading.ts";

/** A JetStream stream that keeps publications. */
export interface FoundHistory extends HistoryState {
  readonly name: string;
  /** It is about to be removed, and takes nothing. */
  readonly isClosed: boolean;
  readonly replicas: number;
}

/** A JetStream stream that takes no message of more than one byte takes none of ours: so it is closed while it is removed. */
export const closedBytes = 1;

/** What the JetStream stream of an epoch is like when it is made. */
export function historyShape(names: BrokerNames, word: string, { epoch, limit, ttlMs }: BegunEntry, replicas: number): StreamShape {
  return {
    name: names.history(word, epoch),
    subject: names.historySubject(word, epoch),
    republishTo: names.newsSubject(word, epoch),
    maxMessages: messagesFor(limit),
    maxMessagesPerSubject: -1,
    maxAgeMs: ageFor(ttlMs),
    replicas,
  };
}

/** What has to be changed for other settings; undefined: nothing. */
export function limitChanges(
  present: FoundHistory,
  { limit, ttlMs }: StreamSettings,
  replicas: number,
  nowMs: number,
): Partial<Pick<StreamConfig, "max_msgs" | "max_age" | "num_replicas" | "description">> | undefined {
  const isLimited = present.limit === limit && present.maxAgeMs === ageFor(ttlMs);
  if (isLimited && present.replicas === replicas) return undefined;
  // What was dropped until now was dropped by the old limits.
  const changedMs = isLimited ? present.changedMs : Math.ceil(nowMs);
  const description = changedMs === 0 ? "" : `limits changed ${changedMs}`;
  return { max_msgs: messagesFor(limit), max_age: nanos(ageFor(ttlMs)), num_replicas: replicas, description };
}

export function stateOf({ config, created, state }: StreamInfo, epoch: string): FoundHistory {
  const [, changedMs = "0"] = /^limits changed (\d+)$/.exec(config.description ?? "") ?? [];
  return {
    name: config.name,
    isClosed: config.max_msg_size === closedBytes,
    replicas: config.num_replicas,
    epoch,
    createdMs: Date.parse(created),
    // A stream that never had a message says 0.
    firstSequence: Math.max(1, state.first_seq),
    lastSequence: state.last_seq,
    firstMs: Date.parse(state.first_ts),
    lastMs: Date.parse(state.last_ts),
    limit: config.max_msgs - 1,
    maxAgeMs: config.max_age / 1_000_000,
    changedMs: Number(changedMs),
  };
}

/** One more than is to be kept: it tells of what time something is missing. */
function messagesFor(limit: number): number {
  return limit + 1;
}

/** A little longer than is promised, so that who asks for just that time gets it. */
function ageFor(ttlMs: number): number {
  return Math.max(100, ttlMs + Math.min(ttlMs, 2_000));
}
