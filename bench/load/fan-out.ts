import { CableClient, connectClients } from "./client.ts";
import { ChunkClock, paced, pause } from "./clock.ts";
import { fail } from "./failure.ts";
import { filling } from "./filling.ts";
import { hearing, MessageLayout, streamIdentifier, streamName } from "./hearing.ts";
import { Ledger } from "./ledger.ts";
import { Meter } from "./meter.ts";
import type { FanOutPlan, Figures } from "./plan.ts";
import { Publisher } from "./publisher.ts";

const CONNECTING_AT_ONCE = 100;
const PACED_PUBLISHERS = 16;
const GIVEN_UP_AFTER_MS = 10_000;

/** Connects everybody, publishes as planned, and returns the figures of the measured part once every message is accounted for. */
export async function fanOut(plan: FanOutPlan): Promise<Figures> {
  const clock = new ChunkClock();
  const layout = new MessageLayout();
  const source = publishing(plan, clock);
  const clients = await connectClients(plan.clients, CONNECTING_AT_ONCE, (index, subscribed) => {
    const streams = streamsOf(index, plan);
    return new CableClient(plan, clock, streams.map(streamIdentifier), hearing(layout, source.ledger, streams), subscribed);
  });

  source.start();
  await pause(plan.warmUpMs);
  const { ledger } = source;
  ledger.latencies.clear();
  const before = { delivered: ledger.delivered, published: ledger.published, pings: pings(clients), bytes: received(clients) };
  const meter = new Meter(plan);
  await pause(plan.measureMs);
  const usage = meter.stop();
  const delivered = ledger.delivered - before.delivered;
  const figures = {
    ...usage,
    delivered,
    published: ledger.published - before.published,
    pings: pings(clients) - before.pings,
    bytesPerDelivery: (received(clients) - before.bytes) / delivered,
    deliveriesPerSecond: (delivered * 1_000) / usage.wallMs,
    deliveriesPerCpuSecond: (delivered * 1_000) / usage.serverCpuMs,
    publicationsPerSecond: ((ledger.published - before.published) * 1_000) / usage.wallMs,
    cpuUsPerPublication: (usage.serverCpuMs * 1_000) / (ledger.published - before.published),
    cpuUsPerDelivery: (usage.serverCpuMs * 1_000) / delivered,
    p50Ms: ledger.latencies.percentileMs(0.5),
    p95Ms: ledger.latencies.percentileMs(0.95),
    p99Ms: ledger.latencies.percentileMs(0.99),
  };

  source.stop();
  await drained(source);
  ledger.check();
  return figures;
}

/** Waits until everything is answered and heard, or nothing has come for a while. */
async function drained(source: Source): Promise<void> {
  const { ledger } = source;
  let delivered = ledger.delivered;
  let lastMs = performance.now();
  while (!ledger.isComplete || !source.isAnswered()) {
    await pause(20);
    if (ledger.delivered !== delivered) lastMs = performance.now();
    else if (performance.now() - lastMs > GIVEN_UP_AFTER_MS) fail("nothing comes any more, but messages or answers are missing");
    delivered = ledger.delivered;
  }
  // A message too many would come after the last one that is due: hear what follows for a moment more.
  await pause(200);
}

/** Subscription q of all goes to client `q % clients` and stream `q / subscribers`; so a client's streams are all different. */
function streamsOf(client: number, plan: FanOutPlan): number[] {
  const streams: number[] = [];
  for (let q = client; q < plan.streams * plan.subscribers; q += plan.clients) streams.push(Math.floor(q / plan.subscribers));
  return streams;
}

interface Source {
  readonly ledger: Ledger;
  start(): void;
  stop(): void;
  isAnswered(): boolean;
}

function publishing(plan: FanOutPlan, clock: ChunkClock): Source {
  const mode = plan.publishing;
  const text = filling(plan.bodyBytes ?? 0);
  const isClosed = mode.mode === "closed";
  let isRunning = true;
  let answers = 0;
  /** Closed loop: what publication n still waits for, its answer and its last delivery. */
  const due = new Map<number, { readonly publisher: number; waits: number }>();
  const ledger = new Ledger(clock, plan.streams, plan.subscribers, settled);
  const publishers = Array.from(
    { length: isClosed ? mode.inFlight : Math.min(PACED_PUBLISHERS, plan.streams) },
    () =>
      new Publisher(plan, text, (n) => {
        answers += 1;
        settled(n);
      }),
  );

  function publish(publisher: number): void {
    const n = ledger.publish(publisher);
    if (isClosed) due.set(n, { publisher, waits: 2 });
    (publishers[publisher] as Publisher).post(streamName(n % plan.streams), n);
  }

  function settled(n: number): void {
    const entry = due.get(n);
    if (entry === undefined) return;
    entry.waits -= 1;
    if (entry.waits > 0) return;
    due.delete(n);
    if (isRunning && !ledger.isFull) publish(entry.publisher);
  }

  return {
    ledger,
    start() {
      if (isClosed) {
        for (const publisher of publishers.keys()) publish(publisher);
      } else {
        // A stream keeps its publisher, so that its order is given.
        paced(mode.perSecond, () => {
          if (isRunning && !ledger.isFull) publish((ledger.published % plan.streams) % publishers.length);
          return isRunning;
        });
      }
    },
    stop() {
      isRunning = false;
    },
    isAnswered: () => answers === ledger.published,
  };
}

/** Bytes off the network; those of TLS are counted without their encryption. */
function received(clients: readonly CableClient[]): number {
  return clients.reduce((sum, client) => sum + client.receivedBytes, 0);
}

function pings(clients: readonly CableClient[]): number {
  return clients.reduce((sum, client) => sum + client.pings, 0);
}
