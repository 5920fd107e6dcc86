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
  state?(): BroadcasterState;
}

/**
 * Takes one body: a publication, a batch, or a command, as JSON text. Resolves when it is stored and passed on.
 * @throws {CableError} `publication.malformed`: will never work, don't retry. `publication.unavailable`: not now, retry.
 */
export type AcceptBroadcast = (body: string) => Promise<void> | void;

export interface BroadcasterState {
  readonly isConnected: boolean;
  /** Whether readiness depends on it: true when the operator asked for it, false for a default that may not exist. */
  readonly isRequired: boolean;
  /** Clock.monotonicMs since when `isConnected` holds its value. */
  readonly sinceMs: number;
  /** Where it connects to, without credentials. */
  readonly target: string;
  /** Why it is not connected. Strangers may read it. */
  readonly problem?: string | undefined;
}
