import type { StoredSession, StoredSubscription } from "./broker.ts";

/** A session as stores have it: JSON with short keys, since there may be many. */
export function encodeSession({ identifiers, isProven, wantsDisconnect, cstate, subscriptions, hasLeft }: StoredSession): string {
  return JSON.stringify({
    i: identifiers,
    p: isProven || undefined,
    d: wantsDisconnect || undefined,
    g: hasLeft,
    c: cstate,
    s: subscriptions.map(({ identifier, isLocal, streams, istate, presence }) => ({
      i: identifier,
      l: isLocal || undefined,
      s: streams,
      t: istate,
      p: presence && [presence.id, presence.info],
    })),
  });
}

/** undefined: it is nothing that `encodeSession` writes. */
export function decodeSession(text: string): StoredSession | undefined {
  try {
    const { i, p, d, g, c, s } = fields(JSON.parse(text));
    return {
      identifiers: string(i),
      isProven: p === true,
      wantsDisconnect: d === true,
      cstate: strings(c),
      subscriptions: list(s).map(decodeSubscription),
      ...(g === true && { hasLeft: true }),
    };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function decodeSubscription(value: unknown): StoredSubscription {
  const { i, l, s, t, p } = fields(value);
  const subscription = { identifier: string(i), isLocal: l === true, streams: list(s).map(string), istate: strings(t) };
  if (p === undefined) return subscription;
  const [id, info] = list(p);
  return { ...subscription, presence: { id: string(id), info: string(info) } };
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("not an object");
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value;
}

function string(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("not a string");
  return value;
}

function strings(value: unknown): Readonly<Record<string, string>> {
  const record = fields(value);
  for (const each of Object.values(record)) string(each);
  return record as Readonly<Record<string, string>>;
}
