import type { Bench } from "../bench.ts";
import { perCommand, perConnection } from "./columns.ts";
import { connecting, pinging } from "./work.ts";

const NEVER_REACHED = 100_000_000;

/** Limits that nobody reaches, so that what shows is the counting: of each connection, of its address, and of both. */
export const limits: Bench = {
  name: "limits",
  title: "rate limits, off and on, never reached",
  needsRpc: false,
  variants: [
    { name: "off" },
    { name: "per connection", flags: () => perConnectionFlags },
    { name: "and per address", flags: () => [...perConnectionFlags, ...perAddressFlags] },
  ],
  cases: (options) => [pinging(options), connecting(4_000, options)],
  columns: [...perCommand, ...perConnection],
};

const perConnectionFlags = ["commands", "bytes", "whispers"].map((what) => `--max_${what}_per_second=${NEVER_REACHED}`);
const perAddressFlags = [
  ...["commands", "bytes", "whispers", "connects"].map((what) => `--max_address_${what}_per_second=${NEVER_REACHED}`),
  `--max_address_connections=${NEVER_REACHED}`,
];
