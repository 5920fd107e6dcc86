import type { RedisEndpoint } from "./address.ts";
import { endpointIn } from "./client.ts";

/** A range of slots of a cluster, and who has it. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly master: RedisEndpoint;
  readonly replicas: readonly RedisEndpoint[];
}

/** Reads the answer to `CLUSTER SLOTS`; what can't be read is left out. */
export function readSlotRanges(reply: unknown, teller: RedisEndpoint): readonly SlotRange[] {
  if (!Array.isArray(reply)) return [];
  return (reply as unknown[]).flatMap((range) => {
    if (!Array.isArray(range)) return [];
    const [from, to, ...nodes] = range as unknown[];
    const [master, ...replicas] = nodes.map((node) => endpointIn(node, teller));
    if (typeof from !== "number" || typeof to !== "number" || master === undefined) return [];
    return [{ from, to, master, replicas: replicas.flatMap((replica) => replica ?? []) }];
  });
}
