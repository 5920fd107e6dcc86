import type { Clock, Timer } from "../clock.ts";
import { isRefusal, type RedisClient } from "./client.ts";
import type { RedisConnectionState } from "./connection.ts";

/** There is no Redis to ask, or it does not answer. What was sent may have taken effect, unless `isUnsent`. */
export class RedisAway extends Error {
  readonly isUnsent: boolean;

  constructor(message: string, options: { readonly isUnsent: boolean; readonly cause?: unknown }) {
    super(message, options);
    this.isUnsent = options.isUnsent;
  }
}

/** Whether a command that failed may have taken effect: there was no answer. */
export function isInDoubt(error: unknown): boolean {
  return !isRefusal(error) && !(error instanceof RedisAway && error.isUnsent);
}

interface Sent {
  readonly dueMs: number;
  readonly reject: (error: RedisAway) => void;
  isAnswered: boolean;
  /** Its time was up. The answer may still come. */
  isGivenUp: boolean;
}

/**
 * Commands over one connection, and over those that take its place. None waits longer than its time for an answer, and while an answer is
 * overdue nothing more is sent: a server that hangs must not collect commands that it carries out when nobody knows of them any more.
 */
export class CommandLane {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #client: RedisClient | undefined;
  /** In the order of the answers. Those up to `#first` are answered. */
  #sent: Sent[] = [];
  #first = 0;
  #timer: Timer | undefined;
  /** Clock.monotonicMs since when an answer is. */
  #overdueSinceMs: number | undefined;

  constructor({ clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws {RedisAway} Rejects with the server's own error when it answered with one. */
  send(client: RedisClient, command: readonly string[]): Promise<unknown> {
    if (client !== this.#client) this.#begin(client);
    if (this.#overdueSinceMs !== undefined) return Promise.reject(new RedisAway("it does not answer", { isUnsent: true }));
    return new Promise((resolve, reject) => {
      const sent: Sent = { dueMs: this.#clock.monotonicMs() + this.#timeoutMs, reject, isAnswered: false, isGivenUp: false };
      this.#sent.push(sent);
      client.sendCommand(command).then(
        (reply) => {
          this.#ended(client, sent, true);
          resolve(reply);
        },
        (error: unknown) => {
          this.#ended(client, sent, isRefusal(error));
          reject(error as Error);
        },
      );
      this.#watch();
    });
  }

  /** The state of the connection in use: while an answer is overdue it is of no use, whatever it looks like, and has been since then. */
  seen(state: RedisConnectionState, client: RedisClient | undefined): RedisConnectionState {
    const isAnother = client !== undefined && client !== this.#client;
    if (this.#overdueSinceMs === undefined || isAnother) return state;
    const sinceMs = this.#overdueSinceMs;
    if (!state.isConnected) return { ...state, sinceMs: Math.min(sinceMs, state.sinceMs) };
    return { isConnected: false, sinceMs, server: undefined, problem: "it does not answer" };
  }

  /** Forgets what is on its way: its connection is given up, which rejects it. */
  clear(): void {
    this.#client = undefined;
    this.#sent = [];
    this.#first = 0;
    this.#overdueSinceMs = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #begin(client: RedisClient): void {
    this.clear();
    this.#client = client;
  }

  #ended(client: RedisClient, sent: Sent, isAnswer: boolean): void {
    sent.isAnswered = true;
    if (client !== this.#client) return;
    if (isAnswer) this.#overdueSinceMs = undefined;
    while (this.#sent[this.#first]?.isAnswered) this.#first++;
    if (this.#first === this.#sent.length) {
      this.#sent = [];
      this.#first = 0;
    } else if (this.#first > 1_024) {
      this.#sent = this.#sent.slice(this.#first);
      this.#first = 0;
    }
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    let at = this.#first;
    while (this.#sent[at]?.isAnswered || this.#sent[at]?.isGivenUp) at++;
    const oldest = this.#sent[at];
    if (oldest === undefined) return;
    this.#timer = this.#clock.after(Math.max(0, oldest.dueMs - this.#clock.monotonicMs()), () => {
      // When this process itself was kept from running, the answers are there already, and read before setImmediate has its turn.
      setImmediate(() => this.#judge());
    });
  }

  #judge(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (let at = this.#first; at < this.#sent.length && this.#sent[at]!.dueMs <= nowMs; at++) {
      const sent = this.#sent[at]!;
      if (sent.isAnswered || sent.isGivenUp) continue;
      this.#overdueSinceMs ??= nowMs;
      sent.isGivenUp = true;
      sent.reject(new RedisAway("it did not answer in time", { isUnsent: false }));
    }
    this.#watch();
  }
}
