import type { Bench } from "../bench.ts";

/** Actions that the application answers over gRPC: what does each cost on our side? */
export const rpc: Bench = {
  name: "rpc",
  title: "actions performed by 20 clients, answered by a gRPC application on the other core",
  needsRpc: true,
  baselines: ["bare grpc-js"],
  cases: (options) => [
    {
      name: "20 at a time",
      plan: { kind: "commands", command: "perform", clients: 20, warmUpMs: 3_000, measureMs: options.measureMs ?? 6_000 },
    },
  ],
  columns: [
    { figure: "cpuUsPerCommand", header: "CPU/command", unit: "µs", digits: 0 },
    { figure: "commandsPerSecond", header: "commands/s", unit: "", digits: 0 },
  ],
  targets: [
    { case: "20 at a time", figure: "cpuUsPerCommand", against: "bare grpc-js", atMost: 1.2 },
    { case: "20 at a time", figure: "cpuUsPerCommand", against: "peer", atMost: 1.2 },
  ],
};
