/** The members of a stream that know it under one identifier: they all hear the same bytes. */
export interface Group<Member> {
  readonly identifier: string;
  readonly members: ReadonlySet<Member>;
}

/**
 * Stream → identifier → members. A member may be in several groups of a stream, once per identifier. Pure: the other direction, which
 * streams a member hears, is kept by the member's subscriptions.
 */
export class StreamIndex<Member> {
  readonly #streams = new Map<string, Map<string, { readonly identifier: string; readonly members: Set<Member> }>>();

  /** How many streams have members. */
  get size(): number {
    return this.#streams.size;
  }

  /** The groups of a stream; undefined when it has no members. */
  groups(stream: string): ReadonlyMap<string, Group<Member>> | undefined {
    return this.#streams.get(stream);
  }

  /** Returns true when the member is the stream's first. */
  add(stream: string, identifier: string, member: Member): boolean {
    let groups = this.#streams.get(stream);
    const isFirst = groups === undefined;
    if (groups === undefined) this.#streams.set(stream, (groups = new Map()));
    let group = groups.get(identifier);
    if (group === undefined) groups.set(identifier, (group = { identifier, members: new Set() }));
    group.members.add(member);
    return isFirst;
  }

  /** Returns true when the member was the stream's last. */
  remove(stream: string, identifier: string, member: Member): boolean {
    const groups = this.#streams.get(stream);
    const group = groups?.get(identifier);
    if (groups === undefined || group === undefined || !group.members.delete(member)) return false;
    if (group.members.size === 0) groups.delete(identifier);
    if (groups.size > 0) return false;
    this.#streams.delete(stream);
    return true;
  }
}
