const firstMs = 250;
const mostMs = 5_000;

/**
 * How long to wait before retry number `retry` (0 = the first): 250 ms, doubling to at most 5 s. Up to half of it is taken off at random,
 * so that nodes that lost the same server don't all come back to it at once. `random` gives 0 ≤ n < 1.
 */
export function backoffMs(retry: number, random: () => number): number {
  const fullMs = Math.min(firstMs * 2 ** retry, mostMs);
  return fullMs * (1 - random() / 2);
}
