import type { Broadcaster } from "../broadcasters/broadcaster.ts";
import { natsBroadcaster as broadcaster } from "../broadcasters/nats.ts";
import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import type { NatsOptions } from "../nats/open.ts";

export interface NatsBroadcasterOptions extends NatsOptions {
  /** Default `__anycable__`, as in AnyCable. */
  readonly subject?: string;
  readonly logger?: Logger;
}

/**
 * Takes publications from a NATS subject, as AnyCable's libraries send them with the adapter `nats`. Every server hears all. NATS may be
 * away, at the start and later; it is tried again for ever, and what is published meanwhile is lost.
 * @throws {CableError} `config.invalid_value`
 */
export function natsBroadcaster({ subject = "__anycable__", logger = silentLogger, ...nats }: NatsBroadcasterOptions): Broadcaster {
  return broadcaster({ nats, subject, isRequired: true, clock: systemClock(), logger });
}
