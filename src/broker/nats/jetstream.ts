import {
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamClient,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { Clock } from "../../clock.ts";
import { headers, type NatsClient } from "../../nats/open.ts";
import { askAgain } from "./ask-again.ts";

/** There is no such JetStream stream, or nobody who leads it. */
export class NoStream extends Error {}
/** Somebody else was faster: the subject's newest message is not the one that was expected. */
export class WrongRevision extends Error {}
/** The stream does not take messages of this size. */
export class TooLargeForStream extends Error {}

/** What a JetStream stream of ours is like. Everything else is always the same. */
export interface StreamShape {
  readonly name: string;
  readonly subject: string;
  /** -1 = any number. */
  readonly maxMessages: number;
  /** -1 = any number. */
  readonly maxMessagesPerSubject: number;
  /** Least is 100. */
  readonly maxAgeMs: number;
  /** How long ids of messages are remembered. Default 100, the least. */
  readonly duplicatesMs?: number;
  readonly replicas: number;
  /** Where messages are published again once they are stored. */
  readonly republishTo?: string;
  readonly description?: string;
}

/** A message as it is kept. */
export interface StoredMessage {
  /** Its sequence in the JetStream stream. */
  readonly revision: number;
  readonly text: string;
  readonly atMs: number;
  readonly isDeleted: boolean;
}

const operation = "KV-Operation";
const completionPauseMs = 10;

/** JetStream over one connection, as far as it is needed here. Each call rejects when it is not answered in time. */
export class JetStream {
  readonly client: NatsClient;
  readonly timeoutMs: number;
  readonly manager: JetStreamManager;
  /** There are several servers. */
  readonly isCluster: boolean;
  readonly #publisher: JetStreamClient;
  readonly #clock: Clock;

  private constructor(client: NatsClient, timeoutMs: number, manager: JetStreamManager, clock: Clock) {
    this.client = client;
    this.timeoutMs = timeoutMs;
    this.manager = manager;
    this.isCluster = client.info?.cluster !== undefined;
    this.#clock = clock;
    this.#publisher = jetstream(client, { timeout: timeoutMs });
  }

  static async over(client: NatsClient, timeoutMs: number, clock: Clock): Promise<JetStream> {
    return new JetStream(client, timeoutMs, await jetstreamManager(client, { timeout: timeoutMs, checkAPI: false }), clock);
  }

  /** undefined: there is none of this name. */
  look(name: string): Promise<StreamInfo | undefined> {
    return unlessMissing(this.#asked(() => this.manager.streams.info(name)));
  }

  /** Does nothing when there is just the same already. Two nodes that want different ones at the same time can break a cluster's: don't. */
  create(shape: StreamShape): Promise<StreamInfo> {
    return named(this.manager.streams.add(configOf(shape)));
  }

  change(
    name: string,
    changes: Partial<Pick<StreamConfig, "max_msgs" | "max_age" | "duplicate_window" | "num_replicas" | "max_msg_size" | "description">>,
  ): Promise<StreamInfo> {
    return named(this.manager.streams.update(name, changes));
  }

  async remove(name: string): Promise<void> {
    await unlessMissing(this.manager.streams.delete(name));
  }

  /** The newest message of a subject, as the stream's leader knows it. @throws {NoStream} */
  newest(name: string, subject: string): Promise<StoredMessage | undefined> {
    return this.#asked(() => this.#get(name, { last_by_subj: subject }));
  }

  /** The message of a sequence; undefined when it is not there, or not any more. @throws {NoStream} */
  at(name: string, sequence: number): Promise<StoredMessage | undefined> {
    return this.#get(name, { seq: sequence });
  }

  /**
   * Resolves to the message's sequence once it is stored. `expected`: the sequence of the subject's newest message, 0 = it has none.
   * `isDeletion`: it counts as none, its text says why.
   * @throws {NoStream}, {WrongRevision}
   */
  async publish(
    subject: string,
    text: string,
    { expected, isDeletion = false }: { expected?: number; isDeletion?: boolean } = {},
  ): Promise<number> {
    const deletion = headers();
    deletion.set(operation, "DEL");
    // Where a stream has replicas, nats-server 2.9 lets two through that expect the same and come at the same time: of one id it takes one.
    const condition = expected !== undefined && { msgID: `${subject}@${expected}`, expect: { lastSubjectSequence: expected } };
    const ack = await named(this.#publisher.publish(subject, text, { ...condition, ...(isDeletion && { headers: deletion }) }));
    if (ack.duplicate) throw new WrongRevision("somebody else was faster");
    return ack.seq;
  }

  /** The same without conditions, and quicker: the hot path. @throws {NoStream}, {TooLargeForStream} */
  async append(subject: string, bytes: Uint8Array): Promise<number> {
    const answer = await named(this.client.request(subject, bytes, { timeout: this.timeoutMs }));
    const { seq, error } = JSON.parse(answer.string()) as { readonly seq?: number; readonly error?: ApiProblem };
    if (seq === undefined) throw errorOf(error ?? { description: "JetStream's answer makes no sense" });
    return seq;
  }

  /**
   * Waits until the stream of this subject is complete: somebody else may be creating it just now. A nats-server older than 2.9.15 has it by
   * its name already then, and crashes when it is asked for a message or a consumer. Messages are taken last: this one's condition can't be
   * met, so it is not stored.
   * @throws {NoStream} when it is not complete in time.
   */
  async completed(subject: string): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + this.timeoutMs;
    for (;;) {
      try {
        await this.publish(subject, "", { expected: Number.MAX_SAFE_INTEGER });
        return;
      } catch (error) {
        if (error instanceof WrongRevision) return;
        if (!(error instanceof NoStream) || this.#clock.monotonicMs() > untilMs) throw error;
        await new Promise<void>((resolve) => this.#clock.after(completionPauseMs, resolve));
      }
    }
  }

  /** Somebody answers there, or that can't be found out. */
  async isHeard(subject: string): Promise<boolean> {
    try {
      await this.client.request(subject, "", { timeout: this.timeoutMs });
      return true;
    } catch (error) {
      return !isUnanswered(error);
    }
  }

  /** What changes nothing, and need not have the patience that one server alone deserves. */
  #asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return this.isCluster ? askAgain(this.#clock, this.timeoutMs, ask) : ask();
  }

  async #get(name: string, query: { readonly seq: number } | { readonly last_by_subj: string }): Promise<StoredMessage | undefined> {
    const message = await named(this.manager.streams.getMessage(name, query));
    if (message === null) return undefined;
    return {
      revision: message.seq,
      text: message.string(),
      atMs: message.time.getTime(),
      isDeleted: message.header.has(operation),
    };
  }

  /** Removes a subject's messages up to `sequence`. Resolves to how many there were. */
  async purge(name: string, subject: string, sequence: number): Promise<number> {
    const { purged } = await named(this.manager.streams.purge(name, { filter: subject, seq: sequence + 1 }));
    return purged;
  }
}

interface ApiProblem {
  readonly description: string;
  readonly err_code?: number;
}

function configOf(shape: StreamShape): Partial<StreamConfig> & { name: string } {
  const { name, subject, maxMessages, maxMessagesPerSubject, maxAgeMs, duplicatesMs = 100, replicas, republishTo, description } = shape;
  return {
    name,
    subjects: [subject],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_msgs: maxMessages,
    max_msgs_per_subject: maxMessagesPerSubject,
    max_age: nanos(maxAgeMs),
    duplicate_window: nanos(duplicatesMs),
    num_replicas: replicas,
    allow_rollup_hdrs: false,
    ...(republishTo !== undefined && { republish: { src: subject, dest: republishTo } }),
    ...(description !== undefined && { description }),
  };
}

export function nanos(ms: number): number {
  return ms * 1_000_000;
}

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await named(call);
  } catch (error) {
    if (error instanceof NoStream && error.cause instanceof JetStreamApiError) return undefined;
    throw error;
  }
}

/** Gives the failures that are told apart their names. */
async function named<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw nameOf(error);
  }
}

function nameOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof JetStreamApiError) return errorOf({ description: error.message, err_code: error.code }, error);
  return isUnanswered(error) ? new NoStream("JetStream has no stream there", { cause: error }) : error;
}

function isUnanswered(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return [error.name, error.cause instanceof Error && error.cause.name].some(
    (name) => name === "JetStreamNotEnabled" || name === "NoResponders",
  );
}

/** Source of the codes: server/errors.json of nats-server. */
const failures: ReadonlyMap<number | undefined, new (message: string, options: ErrorOptions) => Error> = new Map([
  [10_059, NoStream],
  [10_071, WrongRevision],
  [10_054, TooLargeForStream],
]);

function errorOf({ description, err_code: code }: ApiProblem, cause?: unknown): Error {
  const Failure = failures.get(code) ?? Error;
  return new Failure(description, { cause });
}
