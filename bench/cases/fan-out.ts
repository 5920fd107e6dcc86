import type { Bench } from "../bench.ts";

/** One message at a time to everybody: what does a delivery cost, and how long does the last one wait? */
export const fanOut: Bench = {
  name: "fan-out",
  title: "subscribers of one stream, one publication at a time",
  needsRpc: false,
  baselines: ["bare loop"],
  cases: (options) => {
    const clients = Math.min(9_000, options.mostClients);
    const publishing = { mode: "paced", perSecond: 2 } as const;
    return [
      {
        name: "2 publications/s",
        plan: {
          kind: "fan-out",
          clients,
          streams: 1,
          subscribers: clients,
          publishing,
          warmUpMs: 2_750,
          measureMs: options.measureMs ?? 10_000,
        },
      },
    ];
  },
  columns: [
    { figure: "cpuUsPerDelivery", header: "CPU/delivery", unit: "µs", digits: 2 },
    { figure: "p50Ms", header: "p50", unit: "ms", digits: 1 },
    { figure: "p99Ms", header: "p99", unit: "ms", digits: 1 },
  ],
  targets: [
    { case: "2 publications/s", figure: "cpuUsPerDelivery", against: "bare loop", atMost: 1.2 },
    { case: "2 publications/s", figure: "cpuUsPerDelivery", against: "peer", atMost: 0.6 },
    { case: "2 publications/s", figure: "p99Ms", against: "peer", atMost: 0.7 },
  ],
};
