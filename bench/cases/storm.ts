import type { Bench, BenchCase } from "../bench.ts";
import type { BenchOptions } from "../options.ts";

const FRESH = "8,000 clients, fresh server";
const WARM = "8,000 clients, warm server";

/** Everybody comes back at once: what does a handshake cost, from the TCP accept to the confirmed subscription? */
export const storm: Bench = {
  name: "storm",
  title: "clients connecting, 200 under way at a time, to a server just started and to one that has served 4,000 before",
  needsRpc: false,
  baselines: ["http + ws"],
  cases: (options) => [connecting(FRESH, 0, options), connecting(WARM, 4_000, options)],
  columns: [
    { figure: "cpuUsPerConnect", header: "CPU/connection", unit: "µs", digits: 0 },
    { figure: "connectsPerSecond", header: "connections/s", unit: "", digits: 0 },
  ],
  targets: [FRESH, WARM].flatMap((name) => [
    { case: name, figure: "cpuUsPerConnect", against: "http + ws", atMost: 1.3 },
    { case: name, figure: "cpuUsPerConnect", against: "peer", atMost: 0.8 },
  ]),
};

function connecting(name: string, warmUpClients: number, options: BenchOptions): BenchCase {
  const clients = Math.min(8_000, options.mostClients);
  return { name, plan: { kind: "connect", clients, warmUpClients: Math.min(warmUpClients, clients), atOnce: 200, settleMs: 0 } };
}
