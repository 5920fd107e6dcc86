import { hashSlot, slotCount, spreadHashTags } from "./hash-slot.ts";

/** Streams are in so many groups, whose keys and channels are in one slot of a cluster each. */
const groupCount = 128;

/** The hash tags of the groups, which lie evenly over a cluster's slots. */
export const streamTags: readonly string[] = spreadHashTags(groupCount);

/** The group of a stream: its place among `streamTags`. */
export function streamGroupOf(stream: string): number {
  // An empty tag in front makes the name's own braces mean nothing.
  return Math.floor((hashSlot(`{}${stream}`) * groupCount) / slotCount);
}
