import type { RemoteState } from "../lifecycle.ts";

/**
 * PORT: how publications come from the application to this node. A broadcaster receives bodies, passes each one to `accept` in the order
 * of arrival, and answers the publisher as its medium allows. It does not look into bodies.
 */
export interface Broadcaster {
  readonly name: string;
  /**
   * `one`: a publication reaches one node of the cluster, which stores it and passes it on to the others.
   * `every`: all nodes receive it anyway, so each serves its own clients only.
   */
  readonly reach: "one" | "every";
  /**
   * Begins to listen. A local fault (a port that is taken) rejects; a remote one (a Redis that is away) does not: it is retried in the
   * background for ever.
   */
  start(accept: AcceptBroadcast): Promise<void>;
  /** Stops taking publications. Those that `accept` has resolved for are not lost. */
  stop(): Promise<void>;
  /** For the readiness page. Absent = can't be away. */
  state?(): RemoteState;
}

/**
 * Takes one body: a publication, a batch, or a command, as JSON text. Resolves when it is stored and passed on.
 * @throws {CableError} `publication.malformed`: will never work, don't retry. `publication.unavailable`: not now, retry.
 */
export type AcceptBroadcast = (body: string) => Promise<void> | void;
