import type { Clock } from "../../clock.ts";
import type { RemoteState } from "../../lifecycle.ts";
import type { Logger } from "../../logger.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import { openNats, type NatsClient, type NatsOptions, type OpenedNats } from "../../nats/open.ts";
import type { Broker, BrokerListener } from "../broker.ts";
import { Bucket } from "./bucket.ts";
import { Directory, type StreamSettings } from "./directory.ts";
import { Following } from "./following.ts";
import { NatsHistory } from "./history.ts";
import { JetStream, NoStream } from "./jetstream.ts";
import { BrokerNames } from "./names.ts";
import { NatsPresence, presenceAgeMs } from "./presence.ts";
import { NatsSessions } from "./sessions.ts";
import { HistoryStreams } from "./streams.ts";
import { HistorySweep } from "./sweep.ts";
import { NatsAway } from "./unavailable.ts";

export interface NatsBrokerOptions {
  /** NATS 2.9 or newer with JetStream: one server, or a cluster. */
  readonly nats: NatsOptions;
  /** Stands before the names of streams, buckets and subjects: letters, digits, - and _. Default none. */
  readonly prefix?: string | undefined;
  /** How much of a stream is kept; asked when the stream is opened. */
  readonly settingsFor: (stream: string) => StreamSettings;
  /** How long sessions that left can be restored, ms; 0 = never. */
  readonly sessionsTtlMs: number;
  /** How long a session that shows no sign of life stays present, ms; 0 = no presence. */
  readonly presenceTtlMs: number;
  /** On how many servers of a cluster everything is kept. Default 1. */
  readonly replicas?: number;
  /** How long an answer of NATS is waited for, ms. Default 5,000. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jitter of the back-off, and the order of servers: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see NatsOpening */
  readonly pingIntervalMs?: number;
}

/** After an interruption so many streams are looked at, those first that were used last. */
const mostVerified = 5_000;

/**
 * History, sessions and presence in JetStream, which all nodes share. Names begin with `ropeway`.
 * @throws {CableError} `config.invalid_value`
 */
export function natsBroker(options: NatsBrokerOptions): Broker {
  return new NatsBroker(options);
}

class NatsBroker implements Broker {
  readonly name = "nats";
  readonly history: NatsHistory;
  readonly sessions: NatsSessions | undefined;
  readonly presence: NatsPresence | undefined;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #names: BrokerNames;
  readonly #nats: OpenedNats;
  readonly #directory: Directory;
  readonly #streams: HistoryStreams;
  readonly #following: Following;
  readonly #sweep: HistorySweep;
  readonly #sessionsBucket: Bucket | undefined;
  #jetStream: JetStream | undefined;
  #listener: BrokerListener | undefined;
  #owesMissed = false;

  constructor({ prefix = "", sessionsTtlMs, presenceTtlMs, replicas = 1, timeoutMs = 5_000, ...options }: NatsBrokerOptions) {
    const { clock, random = Math.random } = options;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    const names = (this.#names = new BrokerNames(prefix));
    this.#nats = openNats({
      ...options,
      isRequired: true,
      prepare: (client) => this.#prepare(client),
      onConnected: () => this.#tellMissed(),
    });
    this.#directory = new Directory(new Bucket({ name: names.streamsBucket, maxAgeMs: undefined, replicas }), clock);
    const shared = { ...options, random, names, replicas, directory: this.#directory, jetStream: () => this.#connected() };
    this.#streams = new HistoryStreams({ ...shared, lostSomething: (js) => this.#beginAnew(js) });
    this.#following = new Following({
      ...shared,
      streams: this.#streams,
      deliver: (publication) => this.#listener?.deliver(publication),
      missed: () => this.#missed(),
    });
    this.history = new NatsHistory({ ...shared, streams: this.#streams, following: this.#following });
    this.#sweep = new HistorySweep({
      ...shared,
      streams: this.#streams,
      isFollowed: (word) => this.#following.isFollowed(word),
      refresh: (js) => this.#readAgain(js),
    });
    if (sessionsTtlMs > 0) {
      this.#sessionsBucket = new Bucket({ name: names.sessionsBucket, maxAgeMs: sessionsTtlMs, replicas });
      this.sessions = new NatsSessions({ ...shared, bucket: this.#sessionsBucket, ttlMs: sessionsTtlMs });
    }
    if (presenceTtlMs > 0) {
      const bucket = new Bucket({ name: names.presenceBucket, maxAgeMs: presenceAgeMs(presenceTtlMs), replicas });
      this.presence = new NatsPresence({
        ...shared,
        bucket,
        ttlMs: presenceTtlMs,
        interrupted: ({ client }, why) => this.#nats.giveUp(client, why),
      });
    }
  }

  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    this.#nats.start();
    this.#sweep.start();
    this.sessions?.start();
    this.presence?.start((stream, id) => listener.expired(stream, id));
  }

  async stop(): Promise<void> {
    this.#listener = undefined;
    this.#sweep.stop();
    this.presence?.stop();
    await this.sessions?.stop();
    this.#nats.stop();
    this.#following.drop();
  }

  state(): RemoteState {
    const { isConnected, sinceMs, problem } = this.#nats.state;
    return { isConnected, isRequired: true, sinceMs, target: this.#nats.display, problem };
  }

  /** @throws {NatsAway} */
  #connected(): JetStream {
    const { client, state } = this.#nats;
    if (client === undefined || client !== this.#jetStream?.client) throw new NatsAway(state.problem ?? "it is not connected");
    return this.#jetStream;
  }

  /** Told as soon as what was missed can be read. */
  #missed(): void {
    this.#owesMissed = true;
    if (this.#nats.client !== undefined) this.#tellMissed();
  }

  #tellMissed(): void {
    const isOwed = this.#owesMissed;
    this.#owesMissed = false;
    if (isOwed) this.#listener?.missed();
  }

  /** Nothing is used before it is known that what was stored is still there. */
  async #prepare(client: NatsClient): Promise<void> {
    const js = await JetStream.over(client, this.#timeoutMs, this.#clock);
    try {
      await this.#open(js);
    } catch (error) {
      throw error instanceof NoStream ? new Error("it has no JetStream, or JetStream is not ready", { cause: error }) : error;
    }
    client.subscribe(this.#names.storeNews, {
      callback: (error) => {
        if (error === null) this.#readAgain(js).catch((why: unknown) => this.#nats.giveUp(client, why));
      },
    });
    await this.#sessionsBucket?.prepare(js);
    await this.presence?.adopt(js);
    this.#jetStream = js;
    await this.#following.adopt(client);
  }

  /** Finds out which store this is, and whether it has lost something. */
  async #open(js: JetStream): Promise<void> {
    const before = this.#directory.storeId;
    await this.#directory.open(js);
    if (this.#directory.storeId === before) await this.#streams.verify(js, mostVerified);
    else this.#streams.forgetAll();
  }

  /** Acknowledged publications are lost, so positions may be given out again: all epochs end. */
  async #beginAnew(js: JetStream): Promise<void> {
    await this.#directory.beginAnew(js);
    this.#streams.forgetAll();
    js.client.publish(this.#names.storeNews);
    this.#missed();
  }

  /** Another node may have found that something is lost. */
  async #readAgain(js: JetStream): Promise<void> {
    const before = this.#directory.storeId;
    await this.#directory.open(js);
    if (this.#directory.storeId === before) return;
    this.#streams.forgetAll();
    this.#missed();
  }
}
