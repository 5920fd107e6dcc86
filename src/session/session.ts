import { closings, type Closing } from "../close-codes.ts";
import { Cancellation, type CallSignal } from "../internal/cancellation.ts";
import type { Meter } from "../limits/meter.ts";
import type { ClientCommand, ServerMessage } from "../protocols/messages.ts";
import type { Payload } from "../protocols/protocol.ts";
import type { ClientEnv, Connection, ConnectionListener, Ending, Frame } from "../transports/transport.ts";
import type { Departure, SessionContext } from "./context.ts";
import type { Encoding } from "./encoding.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import { Intake, type IntakeOwner } from "./intake.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import { EMPTY_STATE, merge, type Subscription } from "./subscriptions.ts";
import type { WheelEntry } from "./timer-wheel.ts";

/**
 *   opening ──open()──▶ open ──close()──▶ closing ──closed()──▶ closed
 *      │                  └──────────────closed()────────────────▲▲
 *      ├──close()──▶ closing                                     ││
 *      └──closed()───────────────────────────────────────────────┘│
 *
 * opening: not known to be anybody yet; commands wait, nothing is sent but what the application says. open: served. closing: the
 * goodbye is on its way, nothing else is read or sent. closed: the connection is gone.
 */
type SessionState = "opening" | "open" | "closing" | "closed";

/** One connected client. */
export class Session implements ConnectionListener, WheelEntry, IntakeOwner, InboxOwner, OutboxOwner {
  readonly sid: string;
  readonly encoding: Encoding;
  readonly env: ClientEnv;
  /** The peer's, when it counts for a limit. */
  readonly address: string | undefined;
  /** By identifier. */
  readonly subscriptions: Map<string, Subscription> = new Map();
  /** Connection identifiers, once accepted. */
  identifiers = "";
  /** Whether the application is to be told when the session ends. */
  wantsDisconnect = false;
  /** The identifiers come from credentials that were checked here, such as a token. */
  isProven = false;
  /** The client named an earlier session of its own, whether that could be restored or not. */
  isReturning = false;
  /** Its client can come back to it: it is in the session store. */
  isRestorable = false;
  wheelTick = 0;
  #state: SessionState = "opening";
  #cstate: Map<string, string> | undefined;
  #closing: Closing | undefined;
  #writeDeadlineMs = Infinity;
  #abort: Cancellation | undefined;
  #probeAnsweredAtMs = -Infinity;
  #whenDrained: (() => void)[] | undefined;
  readonly #connection: Connection;
  readonly #context: SessionContext;
  readonly #intake: Intake;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;

  constructor(
    context: SessionContext,
    connection: Connection,
    identity: {
      readonly sid: string;
      readonly encoding: Encoding;
      readonly env: ClientEnv;
      readonly heartbeat: Heartbeat;
      readonly meter: Meter | undefined;
      readonly address: string | undefined;
    },
  ) {
    this.#context = context;
    this.#connection = connection;
    this.sid = identity.sid;
    this.encoding = identity.encoding;
    this.env = identity.env;
    this.#heartbeat = identity.heartbeat;
    this.address = identity.address;
    this.#intake = new Intake(context, this, identity.meter);
    this.#inbox = new Inbox(connection, this);
    this.#outbox = new Outbox(connection, context.flusher, context.metrics, this);
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Still to be accepted or refused. */
  get isOpening(): boolean {
    return this.#state === "opening";
  }

  get cstate(): ReadonlyMap<string, string> {
    return this.#cstate ?? EMPTY_STATE;
  }

  mergeState(changes: ReadonlyMap<string, string>): void {
    this.#cstate = merge(this.#cstate, changes);
  }

  /** What is sent to it leaves when it is opened, or closed. */
  wait(): void {
    if (this.#state === "opening") this.#outbox.shut();
  }

  /** The client is who it says: from here on it is pinged and its commands are carried out, those that came early first. */
  open(wantsDisconnect: boolean): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#outbox.reopen();
    this.wantsDisconnect = wantsDisconnect;
    this.#heartbeat.start(this.#context.clock.monotonicMs(), this.#context.random());
    this.#scheduleNext();
    this.#inbox.open();
  }

  /** Sends a message to this client alone. */
  send(message: ServerMessage): void {
    this.push(this.encoding.frame(message));
  }

  /** Sends a frame of this session's Encoding, which may be shared with others. */
  push(frame: Frame): void {
    if (this.#state !== "open" && this.#state !== "opening") {
      this.#context.metrics.counters.failed_server_msg_total++;
      return;
    }
    const { maxPendingBytes } = this.#context;
    if (maxPendingBytes > 0 && this.#outbox.waitingBytes > maxPendingBytes && this.#outbox.isStalled) {
      this.#tooSlow();
      return;
    }
    this.#outbox.push(frame);
  }

  /** Whether a write is unfinished: what is pushed now only waits. */
  get isStalled(): boolean {
    return this.#outbox.isStalled;
  }

  /** Resolves when the last write has left, or the session is over. */
  drainedOrOver(): Promise<void> {
    if (!this.#outbox.isStalled) return Promise.resolve();
    return new Promise((resolve) => (this.#whenDrained ??= []).push(resolve));
  }

  /** Asks the connection for a sign of life, apart from the heartbeat, behind what was sent so far. */
  probe(): void {
    this.#probeAnsweredAtMs = Infinity;
    this.#pingConnection();
  }

  /** When the sign that `probe` asked for came, by the monotonic clock; Infinity: it is still to come. */
  get probeAnsweredAtMs(): number {
    return this.#probeAnsweredAtMs;
  }

  /** Runs a call that is of no use once the session ends: its signal fires then. */
  async whileAlive<T>(call: (signal: CallSignal) => Promise<T>): Promise<T> {
    const abort = new Cancellation();
    this.#abort = abort;
    try {
      return await call(abort);
    } finally {
      this.#abort = undefined;
    }
  }

  /** Says goodbye: everything sent so far, the notice, the close frame. Does nothing when that has been done. */
  close(closing: Closing): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    if (closing.notice) this.#outbox.push(this.encoding.frame({ type: "disconnect", ...closing.notice }));
    this.#leave("closing", { closing });
    this.#closing = closing;
    this.#context.logger.debug("session closing", { sid: this.sid, code: closing.code, reason: closing.notice?.reason ?? closing.text });
    // A write that was unfinished before gets its time anew, for the goodbye.
    if (this.#outbox.isStalled) this.stalled();
    this.#outbox.flush();
    this.#closeOnceFlushed();
  }

  /** Drops the connection without a word. */
  destroy(): void {
    this.#connection.destroy();
  }

  // What the connection tells.

  received(payload: Payload): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#heartbeat.alive();
    this.#intake.take(payload);
  }

  alive(): void {
    if (this.#probeAnsweredAtMs === Infinity) this.#probeAnsweredAtMs = this.#context.clock.monotonicMs();
    this.#heartbeat.alive();
  }

  drained(): void {
    this.#writeDeadlineMs = Infinity;
    this.#outbox.drained();
    this.#closeOnceFlushed();
    if (!this.#outbox.isStalled) this.#tellDrained();
  }

  closed(ending: Ending): void {
    if (this.#state === "closed") return;
    this.#context.logger.debug("session closed", { sid: this.sid, ...ending });
    const wasClosing = this.#state === "closing";
    this.#outbox.clear();
    if (wasClosing) this.#state = "closed";
    else this.#leave("closed", { ending });
    this.#context.wheel.cancel(this);
    this.#context.handler.gone(this);
  }

  // What its parts tell.

  understood(command: ClientCommand, bytes: number): void {
    if (command.command === "history") this.#context.handler.historyAsked(this, command);
    this.#inbox.take(command, bytes);
    // It can't answer pings while nobody listens.
    if (this.#inbox.isPaused) this.#heartbeat.alive();
  }

  execute(command: ClientCommand): Promise<void> | void {
    return this.#context.handler.command(this, command);
  }

  failed(error: unknown): void {
    this.#context.logger.error("command failed by a fault of the server", { sid: this.sid, error });
    this.close(closings.internal);
  }

  stalled(): void {
    const { writeTimeoutMs } = this.#context;
    if (writeTimeoutMs === 0) return;
    this.#writeDeadlineMs = this.#context.clock.monotonicMs() + writeTimeoutMs;
    this.#scheduleNext();
  }

  // What time tells.

  due(nowMs: number): void {
    if (nowMs >= this.#writeDeadlineMs) {
      this.#context.metrics.counters.timeout_server_msg_total++;
      this.#context.logger.info("session dropped: a write did not finish in ws_write_timeout", { sid: this.sid });
      this.#connection.destroy();
      return;
    }
    if (nowMs >= this.#heartbeat.pongDeadlineMs) {
      this.close(closings.noPong);
      return;
    }
    if (nowMs >= this.#heartbeat.nextPingAtMs) this.#ping(nowMs);
    this.#scheduleNext();
  }

  /** Counts a fault of this client. True when it is worth a warning: the first one is, the rest would only fill the log. */
  fault(): boolean {
    return this.#intake.fault();
  }

  #pingConnection(): void {
    const { ping } = this.#connection.framing;
    if (ping !== undefined) this.#outbox.push(ping);
  }

  #ping(nowMs: number): void {
    const { pings } = this.#context;
    const timestamp = pings.timestamp(this.#heartbeat.precision, this.#heartbeat.lastTimestamp);
    // Behind an unfinished write a ping would only be late.
    if (!this.#outbox.isStalled) {
      this.#outbox.push(pings.frame(this.encoding, timestamp));
      if (this.#context.nativePings) this.#pingConnection();
    }
    this.#heartbeat.pinged(nowMs, timestamp);
    if (this.#inbox.isPaused) this.#heartbeat.alive();
  }

  #scheduleNext(): void {
    const atMs = Math.min(this.#heartbeat.nextPingAtMs, this.#heartbeat.pongDeadlineMs, this.#writeDeadlineMs);
    if (atMs !== Infinity) this.#context.wheel.schedule(this, atMs);
  }

  #tooSlow(): void {
    this.#context.metrics.counters.disconnected_slow_clients_total++;
    this.#context.logger.info("session too slow: more than ws_max_pending_size was waiting", {
      sid: this.sid,
      waiting_bytes: this.#outbox.waitingBytes,
    });
    this.#outbox.clear();
    this.close(closings.tooSlow);
  }

  #closeOnceFlushed(): void {
    const closing = this.#closing;
    if (!closing) return;
    if (this.#outbox.isStalled) return;
    this.#closing = undefined;
    this.#connection.close(closing.code, closing.text);
  }

  /** The end of being served, whatever led to it. */
  #leave(next: "closing" | "closed", departure: Departure): void {
    const wasOpen = this.#state === "open";
    this.#state = next;
    this.#outbox.reopen();
    this.#heartbeat.stop();
    this.#writeDeadlineMs = Infinity;
    this.#context.wheel.cancel(this);
    this.#inbox.close();
    this.#abort?.abort();
    this.#context.handler.ended(this, wasOpen, departure);
    this.#tellDrained();
  }

  #tellDrained(): void {
    const waiting = this.#whenDrained;
    this.#whenDrained = undefined;
    for (const resolve of waiting ?? []) resolve();
  }
}
