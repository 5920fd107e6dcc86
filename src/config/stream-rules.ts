import { matches } from "../internal/wildcard.ts";
import type { Row } from "./option.ts";

/** What is wrong with the tables of `[[broker.streams]]`, as the end of "broker.streams in ... ". Entries are counted from 1. */
export function streamRules(rows: readonly Row[]): string | undefined {
  const patterns: string[] = [];
  for (const [index, { pattern }] of rows.entries()) {
    const entry = index + 1;
    if (typeof pattern !== "string") return `has no pattern in entry ${entry}`;
    // Whatever fits the later pattern fits the earlier one too if that takes the later's stars as characters.
    const earlier = patterns.findIndex((candidate) => matches(candidate, pattern));
    if (earlier >= 0) {
      const [shown, other] = [pattern, patterns[earlier]!].map((text) => JSON.stringify(text.slice(0, 80)));
      return `has entry ${entry} (${shown}) in vain, because entry ${earlier + 1} (${other}) comes first and fits the same streams: swap them`;
    }
    patterns.push(pattern);
  }
  return undefined;
}
