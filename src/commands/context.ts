import type { FindLocalChannel } from "../auth/channels.ts";
import type { Identity } from "../auth/identity.ts";
import type { Clock } from "../clock.ts";
import type { Hub } from "../hub/hub.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Publication } from "../publications/publication.ts";
import type { Controller } from "../rpc/controller.ts";

/** What commands work with. */
export interface CommandContext {
  readonly hub: Hub;
  readonly controller: Controller;
  /** Asked in order before the application is. */
  readonly identities: readonly Identity[];
  readonly findLocalChannel: FindLocalChannel;
  /** Passes a client's own publication on to all nodes. */
  readonly publish: (publication: Publication) => Promise<void> | void;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Hears of every command that failed, while it still counts as being carried out. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Most subscriptions of one connection. */
  readonly maxSubscriptions: number;
}
