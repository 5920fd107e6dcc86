import type { BenchCase } from "../bench.ts";
import type { FanOutPlan } from "../load/plan.ts";
import type { BenchOptions } from "../options.ts";

/** One stream, everybody subscribed, so many publications a second. */
export function broadcasting(
  name: string,
  { subscribers, perSecond, bodyBytes }: { readonly subscribers: number; readonly perSecond: number; readonly bodyBytes?: number },
  options: BenchOptions,
): BenchCase {
  const clients = Math.min(subscribers, options.mostClients);
  const body: Pick<FanOutPlan, "bodyBytes"> = bodyBytes === undefined ? {} : { bodyBytes };
  return {
    name,
    plan: {
      kind: "fan-out",
      clients,
      streams: 1,
      subscribers: clients,
      publishing: { mode: "paced", perSecond },
      ...body,
      warmUpMs: 2_000,
      measureMs: options.measureMs ?? 5_000,
    },
  };
}

/** A crowd that connects and subscribes, to a server that has seen one before. */
export function connecting(wanted: number, options: BenchOptions): BenchCase {
  const clients = Math.min(wanted, options.mostClients);
  const name = `${wanted.toLocaleString("en-US")} clients connect`;
  return { name, plan: { kind: "connect", clients, warmUpClients: clients >> 1, atOnce: 100, settleMs: 0 } };
}

/** Commands that the application answers. */
export function performing(options: BenchOptions): BenchCase {
  const times = { warmUpMs: 3_000, measureMs: options.measureMs ?? 5_000 };
  return { name: "actions, 20 at a time", plan: { kind: "commands", command: "perform", clients: 20, ...times } };
}

/** Commands that the server answers itself: the cheapest that there are. */
export function pinging(options: BenchOptions): BenchCase {
  const times = { warmUpMs: 2_000, measureMs: options.measureMs ?? 4_000 };
  return { name: "pings, 50 at a time", plan: { kind: "commands", command: "ping", clients: 50, ...times } };
}
