import type { Bench, BenchCase } from "../bench.ts";
import type { BenchOptions } from "../options.ts";

/** More publications than the server can deliver at once: how many deliveries does it make? */
export const saturated: Bench = {
  name: "saturated",
  title: "subscribers of one stream, always so many publications in flight",
  needsRpc: false,
  baselines: ["bare loop", "bare run"],
  cases: (options) => [inFlight(2_000, 32, options), inFlight(5_000, 8, options)],
  columns: [
    { figure: "deliveriesPerSecond", header: "deliveries/s", unit: "", digits: 0 },
    { figure: "deliveriesPerCpuSecond", header: "per s of CPU", unit: "", digits: 0 },
    { figure: "p95Ms", header: "p95", unit: "ms", digits: 0 },
  ],
  targets: [
    { case: "2,000 clients, 32 in flight", figure: "deliveriesPerSecond", against: "bare loop", atLeast: 8 },
    { case: "2,000 clients, 32 in flight", figure: "deliveriesPerSecond", against: "peer", atLeast: 10 },
  ],
};

function inFlight(wanted: number, publications: number, options: BenchOptions): BenchCase {
  const clients = Math.min(wanted, options.mostClients);
  return {
    name: `${wanted.toLocaleString("en-US")} clients, ${publications} in flight`,
    plan: {
      kind: "fan-out",
      clients,
      streams: 1,
      subscribers: clients,
      publishing: { mode: "closed", inFlight: publications },
      warmUpMs: 2_000,
      measureMs: options.measureMs ?? 5_000,
    },
  };
}
