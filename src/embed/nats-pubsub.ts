import { systemClock } from "../clock.ts";
import { silentLogger, type Logger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { checkPrefix } from "../nats/names.ts";
import type { NatsOptions } from "../nats/open.ts";
import { natsPubsub as pubsub } from "../pubsub/nats.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";

export interface NatsPubsubOptions extends NatsOptions {
  /**
   * First word of all subjects, so that applications that share a NATS don't hear each other: letters, digits, - and _. Default none, as in
   * AnyCable.
   */
  readonly prefix?: string;
  /** The subject by which nodes tell each other what concerns all of them, behind the prefix. Default `__anycable_internal__`, as in AnyCable. */
  readonly subject?: string;
  /** Subjects that broadcasters listen to, with their full names, if they don't begin with `__anycable`. All nodes have to say the same. */
  readonly reserved?: readonly string[];
  readonly logger?: Logger;
  /** Should be the server's own, so that what arrives broken is counted there. */
  readonly metrics?: Metrics;
}

/**
 * Joins servers that share a NATS, nodes of AnyCable 1.6 and of the `ropeway` command included. What one server publishes all hear in the
 * same order; what two publish may come in either. NATS may be away, at the start and later; it is tried again for ever. Give it to one
 * server alone.
 * @throws {CableError} `config.invalid_value`
 */
export function natsPubsub({
  prefix = "",
  subject = "__anycable_internal__",
  reserved = [],
  logger = silentLogger,
  metrics = createMetrics(),
  ...nats
}: NatsPubsubOptions): Pubsub {
  checkPrefix(prefix);
  return pubsub({ nats, subjects: { prefix, internal: subject, reserved }, clock: systemClock(), logger, metrics });
}
