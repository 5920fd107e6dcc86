import type { Clock } from "../clock.ts";
import { CableError, messageOf } from "../errors.ts";
import type { NatsClient } from "../nats/open.ts";
import { RoundTrips } from "../nats/round-trips.ts";

export interface NatsPublisherOptions {
  /** The connection to publish over, if there is one just now. */
  readonly client: () => NatsClient | undefined;
  readonly clock: Clock;
  /** How long an answer of NATS is waited for. */
  readonly mostWaitMs: number;
  /** Characters that may be on their way before more is refused: what a NATS that hangs may cost us. */
  readonly mostPending: number;
}

/** Publishes, and finds out whether the server has got it: NATS itself does not say. */
export class NatsPublisher {
  readonly #options: NatsPublisherOptions;
  readonly #trips: RoundTrips;
  #pending = 0;

  constructor(options: NatsPublisherOptions) {
    this.#options = options;
    this.#trips = new RoundTrips(options);
  }

  /** Resolves when NATS has it. @throws {CableError} `publication.unavailable`, `publication.too_large` */
  async publish(subject: string, text: string): Promise<void> {
    const client = this.#options.client();
    if (client === undefined) throw unavailable("NATS, which connects the nodes, is away");
    if (this.#pending > this.#options.mostPending) throw unavailable("NATS, which connects the nodes, is too slow");
    const bytes = Buffer.from(text);
    const mostBytes = client.info?.max_payload ?? Infinity;
    if (bytes.length > mostBytes) {
      throw new CableError(
        "publication.too_large",
        `Not passed on to the other nodes: it takes ${bytes.length} bytes, and NATS carries ${mostBytes} at most (its max_payload).`,
      );
    }
    this.#pending += text.length;
    try {
      client.publish(subject, bytes);
      await this.#trips.published(client, subject);
    } catch (error) {
      throw unavailable(`NATS, which connects the nodes, did not confirm it, though it may have got it: ${messageOf(error)}`, error);
    } finally {
      this.#pending -= text.length;
    }
  }

  /** NATS has said no to something; `subject`: to what. */
  refused(subject: string | undefined, why: string): void {
    if (subject !== undefined) this.#trips.refused(subject, why);
  }
}

function unavailable(why: string, cause?: unknown): CableError {
  return new CableError("publication.unavailable", `Not passed on to the other nodes: ${why}. Try again.`, { cause });
}
