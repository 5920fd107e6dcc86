import type { Bench, BenchCase } from "../bench.ts";
import type { FanOutPlan } from "../load/plan.ts";
import type { BenchOptions } from "../options.ts";
import { memoryBroker, natsBroker, noBroker, redisBroker } from "./brokers.ts";

const ONE = "1 subscriber, 16 in flight";
const MANY = "1,000 subscribers";

/** What does it cost that publications are kept, and what does a delivery cost then? */
export const keeping: Bench = {
  name: "keeping",
  title: "publications that are kept: 20 streams of a subscriber each; one stream of 1,000 subscribers, one publication at a time",
  needsRpc: false,
  variants: [noBroker, memoryBroker, redisBroker, natsBroker],
  peers: [noBroker, memoryBroker],
  cases: (options) => {
    const crowd = Math.min(1_000, options.mostClients);
    return [
      fanOut(ONE, { clients: 20, streams: 20, subscribers: 1, publishing: { mode: "closed", inFlight: 16 } }, options),
      fanOut(MANY, { clients: crowd, streams: 1, subscribers: crowd, publishing: { mode: "closed", inFlight: 1 } }, options),
    ];
  },
  columns: [
    { figure: "cpuUsPerPublication", header: "CPU/publication", unit: "µs", digits: 0 },
    { figure: "cpuUsPerDelivery", header: "CPU/delivery", unit: "µs", digits: 2 },
    { figure: "publicationsPerSecond", header: "publications/s", unit: "", digits: 0 },
    { figure: "p95Ms", header: "p95", unit: "ms", digits: 2 },
  ],
  targets: [
    { case: ONE, figure: "cpuUsPerPublication", of: "memory", against: "no broker", atMost: 1.5 },
    { case: ONE, figure: "cpuUsPerPublication", of: "redis", against: "no broker", atMost: 3 },
    { case: MANY, figure: "cpuUsPerDelivery", of: "memory", against: "no broker", atMost: 1.05 },
    { case: MANY, figure: "cpuUsPerDelivery", of: "redis", against: "no broker", atMost: 1.05 },
  ],
};

function fanOut(
  name: string,
  work: Pick<FanOutPlan, "clients" | "streams" | "subscribers" | "publishing">,
  options: BenchOptions,
): BenchCase {
  return { name, plan: { kind: "fan-out", isExtended: true, ...work, warmUpMs: 2_000, measureMs: options.measureMs ?? 2_500 } };
}
