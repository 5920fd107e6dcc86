import type { Clock } from "../clock.ts";
import type { Closing } from "../close-codes.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ClientCommand } from "../protocols/messages.ts";
import type { Ending } from "../transports/transport.ts";
import type { Flusher } from "./flusher.ts";
import type { Pings } from "./pings.ts";
import type { Session } from "./session.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** What all sessions of a server share. */
export interface SessionContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly flusher: Flusher;
  readonly wheel: TimerWheel;
  readonly pings: Pings;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Bytes that may wait for a client before it counts as too slow; 0 = any. */
  readonly maxPendingBytes: number;
  /** How long a write may take; 0 = for ever. */
  readonly writeTimeoutMs: number;
  readonly nativePings: boolean;
  readonly handler: SessionHandler;
}

/** What is done with what a session receives. */
export interface SessionHandler {
  /** Carries out one command. The next one waits until the promise resolves. MUST NOT throw or reject. */
  command(session: Session, command: ClientCommand): Promise<void> | void;
  /** A command for history has come, and waits for its turn. */
  historyAsked(session: Session, command: Extract<ClientCommand, { readonly command: "history" }>): void;
  /** Called once, at the moment when the session stops being served. `wasOpen`: it had been accepted. */
  ended(session: Session, wasOpen: boolean, departure: Departure): void;
  /** Called once, when the connection is gone. */
  gone(session: Session): void;
}

/** Who ended a session, and how: we did, or its connection went. */
export type Departure = { readonly closing: Closing } | { readonly ending: Ending };
