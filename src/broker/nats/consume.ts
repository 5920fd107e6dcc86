import { AckPolicy, type ConsumerConfig } from "@nats-io/jetstream";
import type { Clock, Timer } from "../../clock.ts";
import { createInbox, type NatsMessage } from "../../nats/open.ts";
import { patience } from "./ask-again.ts";
import { nanos, type JetStream } from "./jetstream.ts";

/** A message as a consumer brings it. */
export interface ConsumedMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly atMs: number;
  /** How many are still to come. */
  readonly pending: number;
  readonly message: NatsMessage;
}

export interface ConsumerListener {
  /** Nothing is missing before it, but what the stream itself dropped. MUST NOT throw: the library would stop reading. */
  received(message: ConsumedMessage): void;
  /** There is no more for now, and has not been for a while. */
  idle(): void;
  /** No more is coming: it was interrupted. */
  ended(why: Error): void;
}

export interface ConsumerOptions {
  readonly stream: string;
  readonly config: Partial<ConsumerConfig>;
  /** Silence for so long is an interruption, ms. */
  readonly mostSilentMs: number;
  readonly clock: Clock;
}

export interface StartedConsumer {
  /** How many messages there were to come when it began. */
  readonly pending: number;
  stop(): void;
}

/**
 * Gets what is in a stream, and what comes, in order. A cluster gives a consumer to any server that has the stream, for a while even to one that
 * has just died: that one never answers, so another consumer is asked for soon.
 */
export async function consume(js: JetStream, options: ConsumerOptions, listener: ConsumerListener): Promise<StartedConsumer> {
  for (const part of js.isCluster ? patience : []) {
    const started = await begin(js, options, listener, part * js.timeoutMs);
    if (started !== undefined) return started;
  }
  return (await begin(js, options, listener, Infinity))!;
}

/** undefined: it has shown no sign of life for so long. */
async function begin(
  js: JetStream,
  { stream, config, mostSilentMs, clock }: ConsumerOptions,
  listener: ConsumerListener,
  patienceMs: number,
): Promise<StartedConsumer | undefined> {
  const inbox = createInbox();
  let expected = 1;
  let hasAppeared = false;
  let timer: Timer | undefined;
  const stop = (): void => {
    timer?.cancel();
    timer = undefined;
    subscription.unsubscribe();
  };
  const end = (why: string): void => {
    stop();
    listener.ended(new Error(why));
  };
  const watch = (): void => {
    timer?.cancel();
    timer = clock.after(mostSilentMs, () => end("JetStream has fallen silent"));
  };
  const subscription = js.client.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null) return end(error.message);
      if (timer === undefined) return;
      hasAppeared = true;
      watch();
      const delivery = deliveryOf(message);
      if (delivery === undefined) {
        // A question whether we keep up, or a sign of life: that repeats a question that got lost, and says how many messages we should have.
        const question = message.headers?.get("Nats-Consumer-Stalled") || message.reply;
        if (question !== undefined && question !== "") return js.client.publish(question);
        const delivered = Number(message.headers?.get("Nats-Last-Consumer"));
        return delivered === expected - 1 ? listener.idle() : end("messages of JetStream were lost on the way");
      }
      if (delivery.number !== expected++) return end("messages of JetStream were lost on the way");
      listener.received({ ...delivery, subject: message.subject, message });
    },
  });
  watch();
  let impatience: Timer | undefined;
  const silence = new Promise<undefined>((resolve) => {
    impatience = clock.after(patienceMs, () => {
      if (!hasAppeared) resolve(undefined);
    });
  });
  try {
    const info = await Promise.race([js.manager.consumers.add(stream, { ...config, ...deliveryTo(inbox, mostSilentMs) }), silence]);
    if (info === undefined) stop();
    return info && { pending: info.num_pending + info.delivered.consumer_seq, stop };
  } catch (error) {
    stop();
    throw error;
  } finally {
    impatience?.cancel();
  }
}

/** In order, and nothing twice: what is lost is noticed, not sent again. Nobody remembers the consumer when it isn't listened to any more. */
function deliveryTo(inbox: string, mostSilentMs: number): Partial<ConsumerConfig> {
  return {
    deliver_subject: inbox,
    ack_policy: AckPolicy.None,
    flow_control: true,
    idle_heartbeat: nanos(Math.floor(mostSilentMs / 3)),
    inactive_threshold: nanos(2_000),
    mem_storage: true,
    num_replicas: 1,
    max_deliver: 1,
  };
}

/** What a message's reply subject says. Source: `$JS.ACK.…` in nats-server, with and without domain and account. */
function deliveryOf({
  reply,
}: NatsMessage): (Pick<ConsumedMessage, "sequence" | "atMs" | "pending"> & { readonly number: number }) | undefined {
  if (reply === undefined || !reply.startsWith("$JS.ACK.")) return undefined;
  const words = reply.split(".");
  const at = words.length === 9 ? 5 : 7;
  const [sequence, number, nanoseconds, pending] = words.slice(at, at + 4);
  return { sequence: Number(sequence), number: Number(number), atMs: Number(nanoseconds) / 1_000_000, pending: Number(pending) };
}
