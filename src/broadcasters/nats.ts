import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { RemoteState } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import { openNats, type NatsClient, type NatsOptions, type OpenedNats } from "../nats/open.ts";
import type { AcceptBroadcast, Broadcaster } from "./broadcaster.ts";

export interface NatsBroadcasterOptions {
  readonly nats: NatsOptions;
  /** AnyCable's default is `__anycable__`. */
  readonly subject: string;
  /** False for a default address where there may be nothing: it is tried all the same, and readiness does not depend on it. */
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the back-off, and the order of servers: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** @see NatsOpening */
  readonly pingIntervalMs?: number;
}

/**
 * Takes publications from a NATS subject. Every node hears all. What is published while NATS or the connection is away is lost, and the
 * publisher is not told: that is the nature of NATS without JetStream. In a cluster one server is enough: they pass publications on.
 * @throws {CableError} `config.invalid_value`
 */
export function natsBroadcaster(options: NatsBroadcasterOptions): Broadcaster {
  return new NatsBroadcaster(options);
}

class NatsBroadcaster implements Broadcaster {
  readonly name = "nats";
  readonly reach = "every";
  readonly #options: NatsBroadcasterOptions;
  readonly #logger: Logger;
  readonly #nats: OpenedNats;
  #accept: AcceptBroadcast | undefined;
  #isTold = false;

  constructor(options: NatsBroadcasterOptions) {
    this.#options = options;
    this.#nats = openNats({ ...options, prepare: (client) => this.#listen(client) });
    this.#logger = options.logger.child({ nats: this.#nats.display });
  }

  async start(accept: AcceptBroadcast): Promise<void> {
    this.#accept = accept;
    this.#nats.start();
  }

  async stop(): Promise<void> {
    this.#accept = undefined;
    this.#nats.stop();
  }

  state(): RemoteState {
    const { isConnected, sinceMs, problem } = this.#nats.state;
    return { isConnected, isRequired: this.#options.isRequired, sinceMs, target: this.#nats.display, problem };
  }

  async #listen(client: NatsClient): Promise<void> {
    const { subject } = this.#options;
    let refusal: Error | undefined;
    client.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.#received(message.string());
        else refusal = error;
      },
    });
    await client.flush();
    if (refusal !== undefined) throw refusal;
    if (this.#isTold) return;
    this.#isTold = true;
    this.#logger.info("Taking publications from NATS", { subject });
  }

  /** Never throws: the library would stop reading. */
  #received(body: string): void {
    try {
      const accepted = this.#accept?.(body);
      if (accepted) accepted.catch((error: unknown) => this.#refused(error));
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    this.#logger.warn("A publication from NATS was not accepted", { error: messageOf(error) });
  }
}
