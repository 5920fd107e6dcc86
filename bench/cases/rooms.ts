import type { Bench } from "../bench.ts";

const SATURATED = "256 in flight";
const PACED = "2,000 publications/s";
const PACED_FASTER = "4,000 publications/s";

/** Many small rooms: 1,000 streams of 5 subscribers each. */
export const rooms: Bench = {
  name: "rooms",
  title: "1,000 streams, each client subscribed to one of them",
  needsRpc: false,
  baselines: ["bare loop", "bare run"],
  cases: (options) => {
    const subscribers = Math.max(1, Math.min(5, Math.floor(options.mostClients / 1_000)));
    const basics = { kind: "fan-out", clients: 1_000 * subscribers, streams: 1_000, subscribers, warmUpMs: 2_000 } as const;
    const measureMs = options.measureMs ?? 5_000;
    return [
      { name: SATURATED, plan: { ...basics, publishing: { mode: "closed", inFlight: 256 }, measureMs } },
      { name: PACED, plan: { ...basics, publishing: { mode: "paced", perSecond: 2_000 }, measureMs } },
      { name: PACED_FASTER, plan: { ...basics, publishing: { mode: "paced", perSecond: 4_000 }, measureMs } },
    ];
  },
  columns: [
    { figure: "deliveriesPerSecond", header: "deliveries/s", unit: "", digits: 0 },
    { figure: "cpuUsPerDelivery", header: "CPU/delivery", unit: "µs", digits: 2 },
    { figure: "p95Ms", header: "p95", unit: "ms", digits: 2 },
    { figure: "p99Ms", header: "p99", unit: "ms", digits: 2 },
  ],
  targets: [
    { case: SATURATED, figure: "deliveriesPerSecond", against: "peer", atLeast: 1.4 },
    { case: PACED, figure: "p99Ms", against: "peer", atMost: 0.3 },
    { case: PACED_FASTER, figure: "p99Ms", against: "peer", atMost: 0.3 },
  ],
};
