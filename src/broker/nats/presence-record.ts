/** Somebody who is present in a stream: an entry of the bucket. */
export interface PresenceRecord {
  readonly stream: string;
  readonly id: string;
  /** JSON text. */
  readonly info: string;
  /** Revision of the entry when the id came; undefined: it is the present one. */
  readonly since: number | undefined;
  /** The sessions, and which node has each. */
  readonly nodes: ReadonlyMap<string, string>;
}

export function encodeRecord({ stream, id, info, since, nodes }: PresenceRecord): string {
  return JSON.stringify({ s: stream, i: id, f: info, c: since, n: Object.fromEntries(nodes) });
}

/** undefined: it is nothing that `encodeRecord` writes. */
export function decodeRecord(text: string): PresenceRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { s, i, f, c, n } = value as Readonly<Record<string, unknown>>;
  if (typeof s !== "string" || typeof i !== "string" || typeof f !== "string" || typeof n !== "object" || n === null) return undefined;
  const nodes = new Map(Object.entries(n).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  return { stream: s, id: i, info: f, since: typeof c === "number" ? c : undefined, nodes };
}

/** As it is with this session; `info` undefined: as it was. */
export function withSession(record: KeptRecord, sid: string, node: string, info: string | undefined): PresenceRecord {
  return { ...record, since: sinceOf(record), info: info ?? record.info, nodes: new Map(record.nodes).set(sid, node) };
}

/** As it is without these sessions. */
export function withoutSessions(record: KeptRecord, isGone: (sid: string, node: string) => boolean): PresenceRecord {
  const nodes = new Map([...record.nodes].filter(([sid, node]) => !isGone(sid, node)));
  return { ...record, since: sinceOf(record), nodes };
}

/** A record as it stands in the store. */
export interface KeptRecord extends PresenceRecord {
  readonly revision: number;
  /** When it was written, Unix ms. */
  readonly atMs: number;
}

/** By this those who are present are in the order in which they came. */
export function sinceOf({ since, revision }: KeptRecord): number {
  return since ?? revision;
}
