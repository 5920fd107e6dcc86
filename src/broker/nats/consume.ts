import { AckPolicy, type ConsumerConfig } from "@nats-io/jetstream";
import type { Clock, Timer } from "../../clock.ts";
import { createInbox, type NatsMessage } from "../../nats/open.ts";
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

/** Gets what is in a stream, and what comes, in order. */
export async function consume(js: JetStream, options: ConsumerOptions, listener: ConsumerListener): Promise<StartedConsumer> {
  const { stream, config, mostSilentMs, clock } = options;
  const inbox = createInbox();
  let expected = 1;
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
  try {
    const { num_pending: pending, delivered } = await js.manager.consumers.add(stream, {
      ...config,
      deliver_subject: inbox,
      ack_policy: AckPolicy.None,
      flow_control: true,
      idle_heartbeat: nanos(Math.floor(mostSilentMs / 3)),
      inactive_threshold: nanos(2_000),
      mem_storage: true,
      num_replicas: 1,
      max_deliver: 1,
    });
    return { pending: pending + delivered.consumer_seq, stop };
  } catch (error) {
    stop();
    throw error;
  }
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
