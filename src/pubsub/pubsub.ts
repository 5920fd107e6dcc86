import type { Publication, RemoteCommand } from "../publications/publication.ts";

/**
 * PORT: node to node. Carries publications and remote commands to every node that wants them, this one included: the publisher hears its
 * own publication back through the sink, and nobody is served before that, so that all nodes serve in the medium's order.
 */
export interface Pubsub {
  readonly name: string;
  start(sink: PubsubSink): Promise<void>;
  /** Resolves once the medium has it. @throws {CableError} `publication.unavailable` when it can't be passed on now. */
  publish(publication: Publication): Promise<void> | void;
  command(command: RemoteCommand): Promise<void> | void;
  /** Somebody here listens to `stream` from now on. Called once per stream, for the first listener. */
  subscribe(stream: string): void;
  /** Nobody here listens any more. */
  unsubscribe(stream: string): void;
  stop(): Promise<void>;
}

/** Where what arrives goes. Neither member throws. */
export interface PubsubSink {
  deliver(publication: Publication): void;
  execute(command: RemoteCommand): void;
}
