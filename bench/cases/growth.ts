import type { Bench, BenchCase } from "../bench.ts";
import type { BenchOptions } from "../options.ts";

const SUBSCRIBERS = [100, 1_000, 10_000] as const;
const STREAMS = [1, 100, 1_000, 10_000] as const;
const CLIENTS = 10_000;
/** Of each stream, whatever the number of streams: so a publication's own cost weighs the same on its deliveries. */
const SUBSCRIBERS_PER_STREAM = 10;

/** Does a delivery cost the same with more subscribers, and with more streams? One publication at a time, as fast as they are delivered. */
export const growth: Bench = {
  name: "growth",
  title: "CPU per delivery as subscribers of one stream, and streams of 10 subscribers (10,000 clients connected), grow",
  needsRpc: false,
  baselines: ["bare loop"],
  cases: (options) => [...SUBSCRIBERS.map((count) => subscribers(count, options)), ...STREAMS.map((count) => streams(count, options))],
  columns: [
    { figure: "cpuUsPerDelivery", header: "CPU/delivery", unit: "µs", digits: 2 },
    { figure: "p99Ms", header: "p99", unit: "ms", digits: 1 },
  ],
  growth: [
    { figure: "cpuUsPerDelivery", from: subscribersName(100), to: subscribersName(10_000), atMost: 1.2 },
    { figure: "cpuUsPerDelivery", from: streamsName(1), to: streamsName(10_000), atMost: 1.2 },
  ],
  targets: [],
};

function subscribersName(count: number): string {
  return `${count.toLocaleString("en-US")} subscribers`;
}

function streamsName(count: number): string {
  return `${count.toLocaleString("en-US")} streams`;
}

function subscribers(count: number, options: BenchOptions): BenchCase {
  const clients = Math.min(count, options.mostClients);
  return {
    name: subscribersName(count),
    plan: { kind: "fan-out", clients, streams: 1, subscribers: clients, publishing: { mode: "closed", inFlight: 1 }, ...times(options) },
  };
}

function streams(count: number, options: BenchOptions): BenchCase {
  const clients = Math.min(CLIENTS, options.mostClients);
  return {
    name: streamsName(count),
    plan: {
      kind: "fan-out",
      clients,
      streams: count,
      subscribers: SUBSCRIBERS_PER_STREAM,
      publishing: { mode: "closed", inFlight: 1 },
      ...times(options),
    },
  };
}

function times(options: BenchOptions): { readonly warmUpMs: number; readonly measureMs: number } {
  return { warmUpMs: 2_000, measureMs: options.measureMs ?? 4_000 };
}
