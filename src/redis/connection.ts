import type { Clock, Timer } from "../clock.ts";
import { backoffMs } from "../internal/backoff.ts";
import { placeOf, type RedisEndpoint } from "./address.ts";
import { identityOf, newRedisClient, type RedisClient, type RedisIdentity } from "./client.ts";
import type { RedisLocator } from "./locator.ts";
import { publicReasonOf, reasonOf } from "./reason.ts";
import type { RedisTlsOptions } from "./tls.ts";

export interface RedisConnectionOptions {
  readonly locator: RedisLocator;
  readonly tls: RedisTlsOptions;
  /** Hosts that were configured: a certificate for any of them will do. */
  readonly names: readonly string[];
  /** Makes a new connection fit for use: subscribes, say. It counts as made when this resolves. */
  readonly prepare: (client: RedisClient, endpoint: RedisEndpoint, identity: RedisIdentity) => Promise<unknown>;
  /** Hears what happens. */
  readonly told: RedisConnectionEvents;
  /** @see RedisClientOptions */
  readonly database?: number | undefined;
  readonly clock: Clock;
  /** Jitter of the back-off: 0 ≤ n < 1. */
  readonly random: () => number;
  /** Milliseconds between pings; a server that answers none of three is given up. */
  readonly pingIntervalMs: number;
}

export interface RedisConnectionEvents {
  /** `awayMs`: for how long it was not there; undefined the first time. */
  connected(server: string, awayMs: number | undefined): void;
  /** Once each time a try fails or a connection is lost. */
  failed(reason: string, retryInMs: number, wasConnected: boolean): void;
}

export interface RedisConnectionState {
  readonly isConnected: boolean;
  /** Clock.monotonicMs since when `isConnected` holds its value. */
  readonly sinceMs: number;
  /** `host:port` or path of the server that is connected. */
  readonly server: string | undefined;
  /** Why it is not; may be shown to strangers. */
  readonly problem: string | undefined;
}

/** Connections that broke sooner than this after they were made count as failed attempts: Redis may be refusing us, politely. */
const stableAfterMs = 5_000;
const mostSilentTicks = 3;

/** One connection to Redis, made again for ever: each client of the library is used once, and another one takes its place. */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  /** Goes up with each try: what an earlier one still has to say does not count. */
  #turn = 0;
  #isStarted = false;
  #client: RedisClient | undefined;
  #password: string | undefined;
  /** Pings while there is a connection, waits for the next try while there is none. */
  #timer: Timer | undefined;
  #silentTicks = 0;
  #failures = 0;
  #state: RedisConnectionState;
  #hasBeenConnected = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#state = { isConnected: false, sinceMs: options.clock.monotonicMs(), server: undefined, problem: undefined };
  }

  /** What is connected and prepared just now. It may break at any time, and its commands then reject. */
  get client(): RedisClient | undefined {
    return this.#state.isConnected ? this.#client : undefined;
  }

  get state(): RedisConnectionState {
    return this.#state;
  }

  start(): void {
    this.#isStarted = true;
    this.#state = { ...this.#state, sinceMs: this.#options.clock.monotonicMs() };
    this.#options.locator.start((why) => this.#moved(why));
    void this.#connect();
  }

  /** Gives everything back, and leaves the connection as it is before `start`. */
  stop(): void {
    this.#isStarted = false;
    this.#options.locator.stop();
    this.#drop();
    this.#setState(undefined, undefined);
  }

  /** The connection in use is no good, whatever it looks like. */
  giveUp(client: RedisClient, why: unknown): void {
    if (client === this.#client) this.#failed(this.#turn, why);
  }

  async #connect(): Promise<void> {
    const turn = ++this.#turn;
    const { locator, prepare } = this.#options;
    try {
      const endpoint = await locator.locate();
      if (turn !== this.#turn) return;
      const client = this.#newClient(turn, endpoint);
      await client.connect();
      if (turn !== this.#turn) {
        // Given up while it was connecting, when node-redis could not destroy it yet.
        client.destroy();
        return;
      }
      const identity = await identityOf(client);
      await locator.inspect(endpoint, identity, client);
      await prepare(client, endpoint, identity);
      if (turn === this.#turn) this.#connected(endpoint);
    } catch (error) {
      this.#failed(turn, error);
    }
  }

  #newClient(turn: number, endpoint: RedisEndpoint): RedisClient {
    const { tls, names, database } = this.#options;
    this.#password = endpoint.password;
    const client = newRedisClient({ endpoint, tls, names, database });
    client.on("error", (error) => this.#failed(turn, error));
    this.#client = client;
    this.#silentTicks = 0;
    this.#tickLater(turn);
    return client;
  }

  // Silence is counted in ticks of this process, not in time: when the process itself was kept from running, one tick is all that it
  // has missed. And what has come meanwhile is read before the last one counts: sockets have their turn between a timer and setImmediate.
  #tickLater(turn: number): void {
    this.#timer = this.#options.clock.after(this.#options.pingIntervalMs, () => {
      if (++this.#silentTicks >= mostSilentTicks) {
        setImmediate(() => this.#judge(turn));
        return;
      }
      if (this.#client?.isReady) this.#ping(this.#client);
      this.#tickLater(turn);
    });
  }

  #judge(turn: number): void {
    if (turn !== this.#turn) return;
    if (this.#silentTicks >= mostSilentTicks) this.#failed(turn, new Error("it does not answer"));
    else this.#tickLater(turn);
  }

  #ping(client: RedisClient): void {
    const answered = (): void => {
      if (client === this.#client) this.#silentTicks = 0;
    };
    // A refusal is a sign of life; when the connection breaks, that is told elsewhere.
    client.sendCommand(["PING"]).then(answered, answered);
  }

  #connected(endpoint: RedisEndpoint): void {
    const awayMs = this.#options.clock.monotonicMs() - this.#state.sinceMs;
    this.#setState(placeOf(endpoint), undefined);
    this.#options.told.connected(placeOf(endpoint), this.#hasBeenConnected ? awayMs : undefined);
    this.#hasBeenConnected = true;
  }

  #failed(turn: number, error: unknown): void {
    if (turn !== this.#turn) return;
    const { clock, random } = this.#options;
    const { isConnected, sinceMs } = this.#state;
    if (isConnected && clock.monotonicMs() - sinceMs >= stableAfterMs) this.#failures = 0;
    this.#retryIn(backoffMs(this.#failures++, random), error);
  }

  /** There is a better server: no reason to wait. */
  #moved(why: string): void {
    if (this.#isStarted) this.#retryIn(0, new Error(why));
  }

  #retryIn(waitMs: number, error: unknown): void {
    const password = this.#password;
    const wasConnected = this.#state.isConnected;
    this.#drop();
    this.#setState(undefined, publicReasonOf(error, password));
    this.#options.told.failed(reasonOf(error, password), waitMs, wasConnected);
    if (waitMs === 0) void this.#connect();
    else this.#timer = this.#options.clock.after(waitMs, () => void this.#connect());
  }

  #drop(): void {
    this.#turn++;
    this.#timer?.cancel();
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    client?.destroy();
  }

  #setState(server: string | undefined, problem: string | undefined): void {
    const isConnected = server !== undefined;
    const sinceMs = isConnected === this.#state.isConnected ? this.#state.sinceMs : this.#options.clock.monotonicMs();
    this.#state = { isConnected, sinceMs, server, problem };
  }
}
