import type { Bench } from "../bench.ts";

/** What a connected, subscribed client that does nothing costs in resident memory. */
export const memory: Bench = {
  name: "memory",
  title: "resident memory of the server per idle subscribed client, at rest",
  needsRpc: false,
  baselines: ["http + ws"],
  cases: (options) => {
    const clients = Math.min(9_000, options.mostClients);
    return [{ name: "9,000 clients", plan: { kind: "connect", clients, warmUpClients: 200, atOnce: 100, settleMs: 40_000 } }];
  },
  columns: [
    { figure: "kibPerClient", header: "KiB/client", unit: "", digits: 2 },
    { figure: "rssBeforeMib", header: "before", unit: "MiB", digits: 1 },
    { figure: "rssAfterMib", header: "after", unit: "MiB", digits: 1 },
    { figure: "idlePercent", header: "CPU at rest", unit: "%", digits: 1 },
  ],
  targets: [
    { case: "9,000 clients", figure: "kibPerClient", atMost: 9 },
    { case: "9,000 clients", figure: "kibPerClient", against: "peer", atMost: 0.35 },
  ],
};
