import type { Clock } from "../clock.ts";
import { seldom } from "../internal/seldom.ts";
import type { Logger } from "../logger.ts";
import { natsAddress } from "./address.ts";
import type { NatsClient, NatsTlsOptions } from "./client.ts";
import { NatsConnection, type NatsConnectionEvents, type NatsConnectionState } from "./connection.ts";

export { createInbox, headers, type NatsClient, type NatsMessage } from "./client.ts";

/** Which NATS, and how to get there. All parts that use NATS are given the same. */
export interface NatsOptions {
  /**
   * `nats://user:password@host:port`, `nats://token@host:port`, `tls://…`, `host:port`; each may be a comma list. The servers of one
   * cluster: what they tell of others is used as well.
   */
  readonly servers: readonly string[];
  /** Whether they are tried in random order, so that nodes spread over them. Default true. */
  readonly isRandomized?: boolean;
  readonly tls?: NatsTlsOptions;
}

export interface NatsOpening {
  readonly nats: NatsOptions;
  /** Makes a new connection fit for use: subscribes, say. The connection counts as made when this resolves; when it rejects, it is tried again. */
  readonly prepare: (client: NatsClient) => Promise<unknown>;
  /** Called each time when a connection is made and prepared. `isBack`: NATS was away before. */
  readonly onConnected?: (isBack: boolean) => void;
  /** NATS does not permit something. Told in the log too, now and then. `subject`: what was to be published to or subscribed to. */
  readonly onRefused?: (subject: string | undefined, why: string) => void;
  /** False for a default address where there may be nothing: it is tried all the same, and not complained about. */
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jitter of the back-off, and the order of servers: 0 ≤ n < 1. Default Math.random. */
  readonly random?: () => number;
  /** Milliseconds between pings; a server that answers none of two is given up at the third. Default 5,000. */
  readonly pingIntervalMs?: number;
}

/** A connection to NATS that is made again for ever, to whichever server can be reached. */
export interface OpenedNats {
  readonly display: string;
  /** What is connected and prepared just now. It may be lost at any time, and then throws. */
  readonly client: NatsClient | undefined;
  readonly state: NatsConnectionState;
  start(): void;
  stop(): void;
  /** This connection is no good, although it stands: another one is made. */
  giveUp(client: NatsClient, why: unknown): void;
}

/**
 * What every part that uses NATS starts with. A server that finds us too slow ends the connection, so a slow consumer is one that was away.
 * @throws {CableError} `config.invalid_value`: a wrong address.
 */
export function openNats(opening: NatsOpening): OpenedNats {
  const { nats, isRequired, clock, random = Math.random, pingIntervalMs = 5_000, prepare } = opening;
  const { tls = {}, isRandomized = true } = nats;
  const address = natsAddress(nats.servers);
  const logger = opening.logger.child({ nats: address.display });
  const connection = new NatsConnection({
    address,
    isRandomized,
    tls,
    name: "ropeway",
    pingIntervalMs,
    prepare,
    told: teller(opening, logger, isRequired),
    clock,
    random,
  });
  return {
    display: address.display,
    get client() {
      return connection.client;
    },
    get state() {
      return connection.state;
    },
    start: () => connection.start(),
    stop: () => connection.stop(),
    giveUp: (client, why) => connection.giveUp(client, why),
  };
}

/** Says once that NATS is away, and once that it is back. */
function teller({ clock, onConnected, onRefused }: NatsOpening, logger: Logger, isRequired: boolean): NatsConnectionEvents {
  let isAwayTold = false;
  const tellOfRefusal = seldom(clock, 60_000, (error: string, times) => logger.warn("NATS refuses something", { error, times }));
  return {
    connected(server, awayMs) {
      isAwayTold = false;
      if (awayMs === undefined) logger.debug("Connected to NATS", { server });
      else logger.info("NATS is back", { server, away_ms: Math.round(awayMs) });
      onConnected?.(awayMs !== undefined);
    },
    failed(error, retryInMs, wasConnected) {
      if (isAwayTold) logger.debug("NATS is still away", { error, retry_in_ms: Math.round(retryInMs) });
      else if (wasConnected) logger.warn("NATS is lost; trying to get it back", { error });
      else if (isRequired) logger.warn("NATS can't be reached; trying on", { error });
      else logger.info("There is no NATS at the default address; trying on in the background", { error });
      isAwayTold = true;
    },
    refused(error, subject) {
      tellOfRefusal(error);
      onRefused?.(subject, error);
    },
  };
}
