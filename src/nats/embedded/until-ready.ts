import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../clock.ts";
import { placeOf, type NatsListen } from "./options.ts";

export interface UntilReadyOptions {
  /** As this machine reaches it. */
  readonly at: NatsListen;
  readonly hasJetStream: boolean;
  /** Called when the server answers, and again until JetStream is ready. */
  readonly onServing: () => void;
  readonly clock: Clock;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** What is asked before the next try, milliseconds. */
const pauseMs = 50;
const answerTimeoutMs = 1_000;

/** Resolves to the server's version when it serves and JetStream, if on, has a leader; to undefined when the waiting was ended. */
export async function untilReady(options: UntilReadyOptions): Promise<string | undefined> {
  const { at, hasJetStream, onServing, clock, signal } = options;
  while (!signal.aborted) {
    let connection: NatsConnection | undefined;
    try {
      connection = await connectTo(at);
      onServing();
      while (hasJetStream && !(await hasLeader(connection)) && !signal.aborted) await pause(clock, signal);
      if (!signal.aborted) return connection.info?.version ?? "";
    } catch {
      // Not yet there. If it never is, its own log says why.
    } finally {
      await connection?.close().catch(() => {});
    }
    await pause(clock, signal);
  }
  return undefined;
}

function connectTo(at: NatsListen): Promise<NatsConnection> {
  const { login } = at;
  const given = login === undefined ? {} : "token" in login ? { token: login.token } : { user: login.user, pass: login.password };
  return connect({
    servers: placeOf(at),
    ...given,
    name: "ropeway: is it ready?",
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: answerTimeoutMs,
  });
}

/**
 * Asks about a stream that is none: only who can reach JetStream's leader says that with certainty (error 10059,
 * https://github.com/nats-io/nats-server/blob/main/server/errors.json).
 */
async function hasLeader(connection: NatsConnection): Promise<boolean> {
  try {
    const answer = await connection.request("$JS.API.STREAM.INFO.ropeway-ready", "", { timeout: answerTimeoutMs });
    const { error } = answer.json<{ error?: { err_code?: number } }>();
    return error === undefined || error.err_code === 10_059;
  } catch (error) {
    if (connection.isClosed()) throw error;
    return false;
  }
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(pauseMs, done);
    signal.addEventListener("abort", done);
    function done(): void {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
