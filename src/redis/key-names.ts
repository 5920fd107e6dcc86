import { hashSlot } from "./hash-slot.ts";

/**
 * A key beside `key`, in the same slot of a cluster, so that one command or script may use both: `{key}:suffix`, or `key:suffix` when the
 * key has a hash tag already.
 */
export function keyBeside(key: string, suffix: string): string {
  const slot = hashSlot(key);
  for (const candidate of [`{${key}}:${suffix}`, `${key}:${suffix}`]) if (hashSlot(candidate) === slot) return candidate;
  // A name with stray braces: some number will do, after some 16,000 tries.
  for (let number = 0; ; number++) {
    const candidate = `${key}:${suffix}{${number}}`;
    if (hashSlot(candidate) === slot) return candidate;
  }
}
