import type { Metrics } from "../metrics/metrics.ts";
import type { Connection, Frame } from "../transports/transport.ts";
import type { Flusher } from "./flusher.ts";
import type { Run } from "./run.ts";

/** Written before the end of the turn when this much has come together, so that one turn's burst can't pile up in memory. */
const FLUSH_AT_BYTES = 256 * 1024;

/** Whose outbox it is. */
export interface OutboxOwner {
  /** A write is unfinished from now on, until Outbox.drained. */
  stalled(): void;
}

/**
 * What waits to be written to one connection. While the last write is unfinished nothing new is handed to the network: it collects
 * here, where it can be counted and dropped.
 */
export class Outbox {
  readonly #connection: Connection;
  readonly #flusher: Flusher;
  readonly #metrics: Metrics;
  readonly #owner: OutboxOwner;
  #run: Run | undefined;
  #isMarked = false;
  #isStalled = false;
  #isShut = false;
  /** The turn in which the unfinished write began. */
  #stalledTurn = 0;
  /** Bytes that came in that turn. */
  #excusedBytes = 0;

  constructor(connection: Connection, flusher: Flusher, metrics: Metrics, owner: OutboxOwner) {
    this.#connection = connection;
    this.#flusher = flusher;
    this.#metrics = metrics;
    this.#owner = owner;
  }

  /**
   * Bytes that came while the last write was unfinished, those apart that came in the very turn in which it began: the network reports
   * back between turns only, under TLS always, so a burst within one says nothing of whoever reads.
   */
  get waitingBytes(): number {
    return this.#run === undefined ? 0 : this.#run.bytes - this.#excusedBytes;
  }

  /** Whether the network has not taken the last write yet. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Adds a frame, to be written at the end of the turn at the latest. */
  push(frame: Frame): void {
    const run = (this.#run ?? this.#flusher.emptyRun).next(frame);
    this.#run = run;
    if (this.#isStalled) {
      if (this.#flusher.turn === this.#stalledTurn) this.#excusedBytes = run.bytes;
      return;
    }
    if (this.#isShut) return;
    if (run.bytes >= FLUSH_AT_BYTES) {
      this.flush();
    } else if (!this.#isMarked) {
      this.#isMarked = true;
      this.#flusher.mark(this);
    }
  }

  /** Writes all that waits, unless the last write is unfinished. */
  flush(): void {
    this.#isMarked = false;
    const run = this.#run;
    if (run === undefined || this.#isStalled || this.#isShut) return;
    this.#run = undefined;
    this.#metrics.counters.server_msg_total += run.messages;
    this.#metrics.counters.data_sent_total += run.payloadBytes;
    if (this.#connection.write(run.chunks())) return;
    this.#isStalled = true;
    this.#stalledTurn = this.#flusher.turn;
    this.#owner.stalled();
  }

  /** Collects what comes, without writing it, until `reopen`. */
  shut(): void {
    this.#isShut = true;
  }

  /** Writes what waits, and what comes. */
  reopen(): void {
    if (!this.#isShut) return;
    this.#isShut = false;
    this.flush();
  }

  /** The network has taken the last write. */
  drained(): void {
    this.#isStalled = false;
    this.#excusedBytes = 0;
    this.flush();
  }

  /** Forgets what waits. */
  clear(): void {
    if (this.#run !== undefined) this.#metrics.counters.failed_server_msg_total += this.#run.messages;
    this.#run = undefined;
    this.#excusedBytes = 0;
  }
}
