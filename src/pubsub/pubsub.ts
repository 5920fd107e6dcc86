import type { RemoteState } from "../lifecycle.ts";
import type { Publication, RemoteCommand } from "../publications/publication.ts";

/**
 * PORT: node to node. Carries publications and remote commands to every node that wants them, this one included: the publisher hears its
 * own publication back through the sink, and nobody is served before that, so that all nodes serve in the medium's order. A publication's
 * `position`, where it has one, travels with it.
 */
export interface Pubsub {
  readonly name: string;
  /** Begins to connect; MUST NOT wait for the medium to be there: it is tried in the background for ever. */
  start(sink: PubsubSink): Promise<void>;
  /** Resolves once the medium has it. @throws {CableError} `publication.unavailable` when it can't be passed on now. */
  publish(publication: Publication): Promise<void> | void;
  /** The same for a command, which every node gets. */
  command(command: RemoteCommand): Promise<void> | void;
  /**
   * Somebody here listens to `stream` from now on. Called once per stream, for the first listener. Resolves when its publications are
   * going to arrive. While the medium is away it resolves at once: the subscription stands as soon as the medium is back.
   */
  subscribe(stream: string): Promise<void> | void;
  /** Nobody here listens any more. May be followed by `subscribe` at any time: the last call counts, however the medium answers. */
  unsubscribe(stream: string): void;
  stop(): Promise<void>;
  /** For the readiness page. Absent = can't be away. */
  state?(): RemoteState;
}

/** Where what arrives goes. No member throws. */
export interface PubsubSink {
  deliver(publication: Publication): void;
  execute(command: RemoteCommand): void;
  /**
   * What was published lately may not have arrived: the medium was away, or dropped something. Called when it is back and every
   * subscription stands again; from then on what is published arrives.
   */
  missed(): void;
}
