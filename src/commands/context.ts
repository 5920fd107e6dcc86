import type { FindLocalChannel } from "../auth/channels.ts";
import type { Identity } from "../auth/identity.ts";
import type { PresenceStore, SessionStore, StoredSession } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { Hub } from "../hub/hub.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Publication } from "../publications/publication.ts";
import type { Recovery } from "../recovery/recovery.ts";
import type { Controller } from "../rpc/controller.ts";
import type { Session } from "../session/session.ts";

/** What commands work with. */
export interface CommandContext {
  readonly hub: Hub;
  readonly controller: Controller;
  /** Asked in order before the application is. */
  readonly identities: readonly Identity[];
  readonly findLocalChannel: FindLocalChannel;
  /** Passes a client's own publication, or an event about clients, on to all nodes. */
  readonly publish: (publication: Publication) => Promise<void> | void;
  /** What clients missed; undefined: nothing is kept. */
  readonly recovery: Recovery | undefined;
  /** Sessions that clients come back to; undefined: none are kept. */
  readonly sessions: SessionStore | undefined;
  /** Who is there; undefined: nobody knows. */
  readonly presence: PresenceStore | undefined;
  /** Whether anybody may be present in a stream. */
  readonly allowsPresence: (stream: string) => boolean;
  /** The client of this session goes on with another one: its connection, on whichever node, ends without a word to the application. */
  readonly supersede: (sid: string, stored: StoredSession) => void;
  /** A session that was to be restored has lost its connection before that was done. */
  readonly ended: (session: Session) => void;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Hears of every command that failed, while it still counts as being carried out. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Most subscriptions of one connection. */
  readonly maxSubscriptions: number;
}
