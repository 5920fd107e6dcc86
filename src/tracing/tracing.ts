import type { TraceContext } from "../internal/trace-context.ts";
import type { ClientCommand } from "../protocols/messages.ts";
import type { Publication } from "../publications/publication.ts";
import type { Pubsub, PubsubSink } from "../pubsub/pubsub.ts";
import type { Controller } from "../rpc/controller.ts";
import type { Session } from "../session/session.ts";
import type { Handshake } from "../transports/transport.ts";

/** Finds out who a client is. Never rejects; afterwards the session is open or it ends. */
export type OpenSession = (session: Session, handshake: Handshake) => Promise<void>;

/** Carries out one command of a client. Never throws or rejects. */
export type CarryOut = (session: Session, command: ClientCommand) => Promise<void> | void;

/** The sessions of this node, as a publication sees them. */
export interface Delivery extends Receiver {
  /** Returns how many sessions hear it. */
  deliver(publication: Publication): number;
}

/** Where publications and commands for this node go. */
export type Receiver = Pick<PubsubSink, "deliver" | "execute">;

/**
 * PORT: who keeps a record of where time goes. Each member takes a part of the cable and gives one that does the same and is watched. The
 * cable asks once, when it is made: whatever is not to be watched is given back as it came, and costs nothing afterwards.
 */
export interface Tracing {
  openSession(next: OpenSession): OpenSession;
  carryOut(next: CarryOut): CarryOut;
  /** The command that is being carried out has failed. Called inside of it, whatever `carryOut` returns. Absent = nobody wants to know. */
  readonly commandFailed?: (error: unknown) => void;
  pubsub(next: Pubsub): Pubsub;
  delivery(next: Delivery): Receiver;
  /** Goes around everything else that stands before the application: waiting and retries are part of a call. */
  controller(next: Controller): Controller;
  /** What the code that is running belongs to: for publications that an application makes in this very process. Absent = nobody knows. */
  callersTrace?(): TraceContext | undefined;
}

/** Watches nothing. */
export const untraced: Tracing = {
  openSession: (next) => next,
  carryOut: (next) => next,
  pubsub: (next) => next,
  delivery: (next) => next,
  controller: (next) => next,
};
