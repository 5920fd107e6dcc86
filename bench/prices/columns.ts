import type { Column } from "../bench.ts";

export const perDelivery: readonly Column[] = [
  { figure: "cpuUsPerDelivery", header: "CPU/delivery", unit: "µs", digits: 2 },
  { figure: "bytesPerDelivery", header: "bytes/delivery", unit: "", digits: 0 },
  { figure: "p99Ms", header: "p99", unit: "ms", digits: 1 },
];

export const perConnection: readonly Column[] = [
  { figure: "cpuUsPerConnect", header: "CPU/connection", unit: "µs", digits: 0 },
  { figure: "connectsPerSecond", header: "connections/s", unit: "", digits: 0 },
];

export const perCommand: readonly Column[] = [
  { figure: "cpuUsPerCommand", header: "CPU/command", unit: "µs", digits: 1 },
  { figure: "commandsPerSecond", header: "commands/s", unit: "", digits: 0 },
];
