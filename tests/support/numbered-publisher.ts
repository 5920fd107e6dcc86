import { setTimeout as pause } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { createClient } from "@redis/client";
import { eventually } from "./eventually.ts";
import { redisCall } from "./redis-client.ts";
import type { Ropeway } from "./ropeway.ts";

/** Hands one publication over. Resolves to whether it was acknowledged; rejecting is no. */
export type Send = (body: { readonly stream: string; readonly data: string }) => Promise<boolean>;

/** What became of one publication. Times are those of `performance.now()`. */
export interface Sent {
  readonly startedAtMs: number;
  isAcknowledged: boolean;
}

/** What somebody has published, `{"by": name, "number"}` each time. */
export interface NumberedSource {
  readonly name: string;
  readonly stream: string;
  /** By number. */
  readonly sent: readonly Sent[];
  /**
   * `exact`: what is acknowledged is heard once, in the order of the numbers. `at least once`: several nodes share the work, so that there is
   * no order among them, and one may do what another has done already.
   */
  readonly promise: "exact" | "any order" | "at least once";
}

export interface NumberedPublisherOptions {
  readonly name: string;
  readonly stream: string;
  readonly send: Send;
  /** Default `exact`. */
  readonly promise?: NumberedSource["promise"];
  /** Between one answer and the next publication. Default 5. */
  readonly everyMs?: number | undefined;
}

/** An application that publishes `{"by", "number"}` to one stream, one after the other without a break, and knows which were acknowledged. */
export class NumberedPublisher implements NumberedSource {
  readonly name: string;
  readonly stream: string;
  readonly promise: NumberedSource["promise"];
  readonly sent: Sent[] = [];
  readonly #send: Send;
  #isRunning = true;
  readonly #ended: Promise<void>;

  constructor({ name, stream, send, promise = "exact", everyMs = 5 }: NumberedPublisherOptions) {
    this.name = name;
    this.stream = stream;
    this.promise = promise;
    this.#send = send;
    this.#ended = this.#run(everyMs);
  }

  get acknowledged(): number {
    return this.sent.filter(({ isAcknowledged }) => isAcknowledged).length;
  }

  /** Waits until so many more are acknowledged. */
  async more(count: number, timeoutMs = 30_000): Promise<void> {
    const goal = this.acknowledged + count;
    await eventually(() => this.acknowledged, timeoutMs).toBeGreaterThanOrEqual(goal);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#ended;
  }

  async #run(everyMs: number): Promise<void> {
    while (this.#isRunning) {
      const sent: Sent = { startedAtMs: performance.now(), isAcknowledged: false };
      const number = this.sent.push(sent) - 1;
      const data = JSON.stringify({ by: this.name, number });
      sent.isAcknowledged = await this.#send({ stream: this.stream, data }).catch(() => false);
      // A load that leaves the machine some air.
      await pause(everyMs);
    }
  }
}

/** Over HTTP, to one node after the other, whether it takes it or not. */
export function overHttp(nodes: () => readonly Ropeway[]): Send {
  let turn = 0;
  return async (body) => {
    const all = nodes();
    return (await all[turn++ % all.length]!.publish(body)) === 201;
  };
}

/** Into the stream that redisx reads: acknowledged when Redis has it. */
export function overRedisx(url: string): Send & { readonly close: () => void } {
  let client: ReturnType<typeof createClient> | undefined;
  const connected = async (): Promise<ReturnType<typeof createClient>> => {
    if (client?.isReady) return client;
    client?.destroy();
    client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on("error", () => {});
    await client.connect();
    return client;
  };
  const send: Send = async (body) => {
    await (await connected()).xAdd("__anycable__", "*", { payload: JSON.stringify(body) });
    return true;
  };
  return Object.assign(send, { close: () => client?.destroy() });
}

/** To the subject that the nats broadcaster listens to: acknowledged when NATS has it. */
export function overNats(url: string): Send & { readonly close: () => Promise<void> } {
  let client: NatsConnection | undefined;
  const send: Send = async (body) => {
    if (client === undefined || client.isClosed()) client = await connect({ servers: url, reconnect: false });
    client.publish("__anycable__", JSON.stringify(body));
    await Promise.race([client.flush(), client.closed().then((error) => Promise.reject(error ?? new Error("closed")))]);
    return true;
  };
  return Object.assign(send, { close: async () => client?.close() });
}

/** So many at once into the stream that redisx reads, one after the other. */
export async function burstOverRedisx(
  url: string,
  { name, stream }: Pick<NumberedSource, "name" | "stream">,
  count: number,
): Promise<NumberedSource> {
  const startedAtMs = performance.now();
  const script = "for number = 0, ARGV[3] - 1 do redis.call('XADD', KEYS[1], '*', 'payload', ARGV[1] .. number .. ARGV[2]) end";
  const [before, after] = JSON.stringify({ stream, data: JSON.stringify({ by: name, number: "HERE" }).replace('"HERE"', "HERE") }).split(
    "HERE",
  );
  await redisCall(url, ["EVAL", script, "1", "__anycable__", before!, after!, String(count)]);
  return { name, stream, promise: "at least once", sent: Array.from({ length: count }, () => ({ startedAtMs, isAcknowledged: true })) };
}
