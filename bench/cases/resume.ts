import type { Bench, Variant } from "../bench.ts";
import { memoryBroker, noBroker, redisBroker } from "./brokers.ts";

const COMING_BACK = "5,000 clients";

/** Everybody comes back, and wants what was missed: how much longer does that take than coming back as somebody new? */
export const resume: Bench = {
  name: "resume",
  title: "clients that return with their sid and get 20 missed messages each, 200 under way at a time; of 500 streams, 10 hear each",
  needsRpc: false,
  variants: [anew(noBroker), memoryBroker, redisBroker],
  peers: [anew(noBroker), { ...memoryBroker, client: { mayLose: true } }],
  cases: (options) => {
    const clients = Math.min(5_000, options.mostClients);
    return [
      {
        name: COMING_BACK,
        plan: {
          kind: "return",
          isExtended: true,
          clients,
          streams: Math.ceil(clients / 10),
          missed: 20,
          warmUpClients: Math.ceil(clients / 5),
          atOnce: 200,
        },
      },
    ];
  },
  columns: [
    { figure: "connectMs", header: "all connected", unit: "ms", digits: 0 },
    { figure: "returnMs", header: "all back", unit: "ms", digits: 0 },
    { figure: "cpuUsPerConnect", header: "CPU/connection", unit: "µs", digits: 0 },
    { figure: "cpuUsPerReturn", header: "CPU/return", unit: "µs", digits: 0 },
    { figure: "recovered", header: "recovered", unit: "", digits: 0 },
    { figure: "lost", header: "lost", unit: "", digits: 0 },
    { figure: "misplaced", header: "misplaced", unit: "", digits: 0 },
  ],
  // The server is busy all the time, so its CPU says the same as the clock, and minds others less.
  targets: ["memory", "redis"].flatMap((of) => [
    { case: COMING_BACK, figure: "returnMs", of, against: "no broker", atMost: 1.5 },
    { case: COMING_BACK, figure: "cpuUsPerReturn", of, against: "no broker", atMost: 1.5 },
  ]),
};

function anew(variant: Variant): Variant {
  return { ...variant, client: { isAnew: true } };
}
