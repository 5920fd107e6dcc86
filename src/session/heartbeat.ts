import type { Handshake } from "../transports/transport.ts";
import type { PingPrecision } from "./pings.ts";

export interface HeartbeatOptions {
  /** Time between two pings; 0 = none. */
  readonly intervalMs: number;
  readonly precision: PingPrecision;
  /** How long a client may stay silent after a ping; 0 = for ever. Counts only where a ping is answered at all. */
  readonly pongTimeoutMs: number;
  /** Also send the transport's own pings. */
  readonly nativePings: boolean;
}

const NEVER = Infinity;

/** When one session is to be pinged, and by when it must have shown life. Only dates; the session acts on them. */
export class Heartbeat {
  readonly precision: PingPrecision;
  readonly #intervalMs: number;
  readonly #pongTimeoutMs: number;
  nextPingAtMs: number = NEVER;
  pongDeadlineMs: number = NEVER;
  lastTimestamp: number | bigint = 0;

  /** @param tracksPongs whether the client answers pings, so that silence means something */
  constructor(options: HeartbeatOptions, tracksPongs: boolean) {
    this.precision = options.precision;
    this.#intervalMs = options.intervalMs;
    this.#pongTimeoutMs = tracksPongs ? options.pongTimeoutMs : 0;
  }

  /**
   * From now on. The first ping comes after 0.5 to 1.5 intervals, so that clients that came together are not pinged together.
   * @param random from 0 to 1
   */
  start(nowMs: number, random: number): void {
    if (this.#intervalMs > 0) this.nextPingAtMs = nowMs + this.#intervalMs * (0.5 + random);
  }

  pinged(nowMs: number, timestamp: number | bigint): void {
    this.lastTimestamp = timestamp;
    this.nextPingAtMs = nowMs + this.#intervalMs;
    // An earlier ping that is still unanswered keeps its deadline.
    if (this.#pongTimeoutMs > 0 && this.pongDeadlineMs === NEVER) this.pongDeadlineMs = nowMs + this.#pongTimeoutMs;
  }

  /** The client showed life, or we stopped listening to it: nothing is owed until the next ping. */
  alive(): void {
    this.pongDeadlineMs = NEVER;
  }

  stop(): void {
    this.nextPingAtMs = NEVER;
    this.pongDeadlineMs = NEVER;
  }
}

/**
 * The options as this client wants them: query `pi` is its interval in whole seconds (0 = none), `ptp` its precision. Unreadable values
 * are left out and returned in `ignored`.
 */
export function heartbeatFor(
  handshake: Handshake,
  defaults: HeartbeatOptions,
): { readonly options: HeartbeatOptions; readonly ignored: readonly string[] } {
  const interval = handshake.param("pi");
  const precision = handshake.param("ptp");
  if (interval === undefined && precision === undefined) return { options: defaults, ignored: [] };
  const ignored: string[] = [];
  let { intervalMs, precision: chosen } = defaults;
  if (interval !== undefined) {
    if (/^\d{1,6}$/.test(interval)) intervalMs = Number(interval) * 1_000;
    else ignored.push("pi");
  }
  if (precision !== undefined) {
    if (precision === "s" || precision === "ms" || precision === "ns") chosen = precision;
    else ignored.push("ptp");
  }
  return { options: { ...defaults, intervalMs, precision: chosen }, ignored };
}
