/** One entry of a Redis stream. */
export interface StreamEntry {
  /** `milliseconds-sequence`. */
  readonly id: string;
  /** What stands in its field `payload`. undefined: it has none. */
  readonly payload: Buffer | undefined;
  /** It was deleted, or trimmed away, before anybody handled it. */
  readonly isGone: boolean;
}

/** What XREADGROUP says, for the one stream that was asked for; nothing for the nil that means that there was nothing in time. */
export function entriesRead(reply: unknown): readonly StreamEntry[] {
  return listOf(reply).flatMap((ofStream) => entries(listOf(ofStream)[1]));
}

/** What XAUTOCLAIM says: the entries, and where to go on; undefined when there is no more. */
export function entriesClaimed(reply: unknown): { readonly entries: readonly StreamEntry[]; readonly next: string | undefined } {
  const [cursor, claimed] = listOf(reply);
  const next = textOf(cursor);
  return { entries: entries(claimed), next: next === undefined || next === "0-0" ? undefined : next };
}

/** The ids in what XPENDING says about a range. */
export function idsPending(reply: unknown): readonly string[] {
  return listOf(reply).flatMap((entry) => textOf(listOf(entry)[0]) ?? []);
}

function entries(reply: unknown): readonly StreamEntry[] {
  return listOf(reply).flatMap((entry) => {
    const [id, fields] = listOf(entry);
    const known = textOf(id);
    // Redis 6.2 says nil, without an id, for what was claimed and is gone.
    return known === undefined ? [] : [{ id: known, payload: fieldOf(fields, "payload"), isGone: !Array.isArray(fields) }];
  });
}

function fieldOf(fields: unknown, name: string): Buffer | undefined {
  const list = listOf(fields);
  const at = list.findIndex((item, index) => index % 2 === 0 && textOf(item) === name);
  const value = at === -1 ? undefined : list[at + 1];
  return Buffer.isBuffer(value) ? value : undefined;
}

function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? (reply as unknown[]) : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : Buffer.isBuffer(value) ? value.toString() : undefined;
}
