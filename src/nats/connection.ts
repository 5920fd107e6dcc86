import type { Clock, Timer } from "../clock.ts";
import { backoffMs } from "../internal/backoff.ts";
import { placeOf, type NatsAddress, type NatsEndpoint } from "./address.ts";
import { connectNats, type NatsClient, type NatsTlsOptions } from "./client.ts";
import { reasonOf } from "./reason.ts";
import { ServerPool } from "./server-pool.ts";

export interface NatsConnectionOptions {
  readonly address: NatsAddress;
  readonly isRandomized: boolean;
  readonly tls: NatsTlsOptions;
  readonly name: string;
  readonly pingIntervalMs: number;
  /** Makes a new connection fit for use: subscribes, say. It counts as made when this resolves. */
  readonly prepare: (client: NatsClient) => Promise<unknown>;
  /** Hears what happens. */
  readonly told: NatsConnectionEvents;
  readonly clock: Clock;
  /** Jitter of the back-off, and the order of servers: 0 ≤ n < 1. */
  readonly random: () => number;
}

export interface NatsConnectionEvents {
  /** `awayMs`: for how long it was not there; undefined the first time. */
  connected(server: string, awayMs: number | undefined): void;
  /** Once each time all servers failed, or a connection is lost. */
  failed(reason: string, retryInMs: number, wasConnected: boolean): void;
  /** The server said no to something on a connection that goes on. `subject`: of what it does not permit. */
  refused(why: string, subject: string | undefined): void;
}

export interface NatsConnectionState {
  readonly isConnected: boolean;
  /** Clock.monotonicMs since when `isConnected` holds its value. */
  readonly sinceMs: number;
  /** `host:port` of the server that is connected. */
  readonly server: string | undefined;
  /** Why it is not; may be shown to strangers. */
  readonly problem: string | undefined;
}

/** Connections that broke sooner than this after they were made count as failed attempts. */
const stableAfterMs = 5_000;

/** One connection to NATS, made again for ever: each client of the library is used once, and another one takes its place. */
export class NatsConnection {
  readonly #options: NatsConnectionOptions;
  readonly #pool: ServerPool;
  readonly #names: readonly string[];
  /** Goes up with each try: what an earlier one still has to say does not count. */
  #turn = 0;
  #client: NatsClient | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #state: NatsConnectionState;
  #hasBeenConnected = false;

  constructor(options: NatsConnectionOptions) {
    const { address, isRandomized, random, clock } = options;
    this.#options = options;
    this.#pool = new ServerPool(address, isRandomized ? random : undefined);
    this.#names = address.servers.map(({ host }) => host);
    this.#state = { isConnected: false, sinceMs: clock.monotonicMs(), server: undefined, problem: undefined };
  }

  /** What is connected and prepared just now. It may be lost at any time, and then throws. */
  get client(): NatsClient | undefined {
    return this.#state.isConnected && this.#client?.isClosed() === false ? this.#client : undefined;
  }

  get state(): NatsConnectionState {
    return this.#state;
  }

  start(): void {
    this.#state = { ...this.#state, sinceMs: this.#options.clock.monotonicMs() };
    void this.#connect();
  }

  /** Gives everything back, and leaves the connection as it is before `start`. */
  stop(): void {
    this.#drop();
    this.#setState(undefined, undefined);
  }

  /** The present connection is no good, whatever it says itself: another one is made. */
  giveUp(client: NatsClient, why: unknown): void {
    if (client === this.#client) this.#failed(this.#turn, why);
  }

  async #connect(): Promise<void> {
    const turn = ++this.#turn;
    const servers = this.#pool.round();
    const reasons: string[] = [];
    for (const server of servers) {
      this.#pool.tried(server);
      const failure = await this.#try(turn, server);
      if (turn !== this.#turn || failure === undefined) return;
      const reason = reasonOf(failure.error);
      reasons.push(servers.length === 1 ? reason : `${placeOf(server)}: ${reason}`);
    }
    this.#failed(turn, new Error(reasons.join("; ")));
  }

  async #try(turn: number, endpoint: NatsEndpoint): Promise<{ readonly error: unknown } | undefined> {
    const { tls, name, pingIntervalMs, prepare } = this.#options;
    let client: NatsClient | undefined;
    try {
      client = await connectNats({ endpoint, tls, names: this.#names, name, pingIntervalMs });
      if (turn !== this.#turn) {
        void client.close();
        return undefined;
      }
      this.#client = client;
      void this.#listen(turn, client, endpoint);
      await unlessClosed(client, prepare(client));
      if (turn === this.#turn) this.#connected(turn, client, endpoint);
      return undefined;
    } catch (error) {
      if (client !== undefined && client === this.#client) this.#client = undefined;
      void client?.close();
      return { error };
    }
  }

  #connected(turn: number, client: NatsClient, endpoint: NatsEndpoint): void {
    const { clock, told } = this.#options;
    const awayMs = clock.monotonicMs() - this.#state.sinceMs;
    this.#learn(client, endpoint);
    this.#setState(placeOf(endpoint), undefined);
    void client.closed().then((error) => this.#failed(turn, error ?? new Error("the connection was closed")));
    told.connected(placeOf(endpoint), this.#hasBeenConnected ? awayMs : undefined);
    this.#hasBeenConnected = true;
  }

  #learn(client: NatsClient, endpoint: NatsEndpoint): void {
    this.#pool.learn(client.info?.connect_urls ?? [], endpoint);
  }

  /** Until it is closed. */
  async #listen(turn: number, client: NatsClient, endpoint: NatsEndpoint): Promise<void> {
    for await (const status of client.status()) {
      if (turn !== this.#turn) return;
      // Servers come and go while we are connected; when this one goes it is too late to ask.
      if (status.type === "update") this.#learn(client, endpoint);
      if (status.type !== "error") continue;
      const subject = "subject" in status.error && typeof status.error.subject === "string" ? status.error.subject : undefined;
      this.#options.told.refused(reasonOf(status.error), subject);
    }
  }

  #failed(turn: number, error: unknown): void {
    if (turn !== this.#turn) return;
    const { clock, random, told } = this.#options;
    const { isConnected, sinceMs } = this.#state;
    if (isConnected && clock.monotonicMs() - sinceMs >= stableAfterMs) this.#failures = 0;
    const waitMs = backoffMs(this.#failures++, random);
    this.#drop();
    const reason = reasonOf(error);
    this.#setState(undefined, reason);
    told.failed(reason, waitMs, isConnected);
    this.#timer = clock.after(waitMs, () => void this.#connect());
  }

  #drop(): void {
    this.#turn++;
    this.#timer?.cancel();
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    void client?.close();
  }

  #setState(server: string | undefined, problem: string | undefined): void {
    const isConnected = server !== undefined;
    const sinceMs = isConnected === this.#state.isConnected ? this.#state.sinceMs : this.#options.clock.monotonicMs();
    this.#state = { isConnected, sinceMs, server, problem };
  }
}

/** Rejects when the connection is lost before. */
async function unlessClosed(client: NatsClient, work: Promise<unknown>): Promise<void> {
  const closed = client.closed().then((error) => {
    throw error ?? new Error("the connection was closed");
  });
  await Promise.race([work, closed]);
}
