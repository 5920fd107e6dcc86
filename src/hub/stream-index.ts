/** The members of a stream that know it under one identifier: they all hear the same bytes. */
export interface Group<Member, Hold> {
  readonly identifier: string;
  /** Those that hear the stream as it goes. */
  readonly members: ReadonlySet<Member>;
  /** Those for whom it is held back; absent when there are none, which is nearly always. */
  readonly held: ReadonlyMap<Member, Hold> | undefined;
}

interface MutableGroup<Member, Hold> {
  readonly identifier: string;
  readonly members: Set<Member>;
  held: Map<Member, Hold> | undefined;
}

/**
 * Stream → identifier → members. A member may be in several groups of a stream, once per identifier. Pure: the other direction, which
 * streams a member hears, is kept by the member's subscriptions.
 */
export class StreamIndex<Member, Hold = never> {
  readonly #streams = new Map<string, Map<string, MutableGroup<Member, Hold>>>();

  /** How many streams have members. */
  get size(): number {
    return this.#streams.size;
  }

  /** The groups of a stream; undefined when it has no members. */
  groups(stream: string): ReadonlyMap<string, Group<Member, Hold>> | undefined {
    return this.#streams.get(stream);
  }

  /** With a hold the stream is held back for the member from the beginning. Returns true when the member is the stream's first. */
  add(stream: string, identifier: string, member: Member, hold?: Hold): boolean {
    let groups = this.#streams.get(stream);
    const isFirst = groups === undefined;
    if (groups === undefined) this.#streams.set(stream, (groups = new Map()));
    let group = groups.get(identifier);
    if (group === undefined) groups.set(identifier, (group = { identifier, members: new Set(), held: undefined }));
    if (hold === undefined) group.members.add(member);
    else holdIn(group, member, hold);
    return isFirst;
  }

  /** Holds the stream back for a member. Returns the hold that it replaces. */
  hold(stream: string, identifier: string, member: Member, hold: Hold): Hold | undefined {
    const group = this.#streams.get(stream)?.get(identifier);
    if (group === undefined) return undefined;
    const replaced = group.held?.get(member);
    if (group.members.delete(member) || replaced !== undefined) holdIn(group, member, hold);
    return replaced;
  }

  /** The member hears the stream as it goes. */
  release(stream: string, identifier: string, member: Member): void {
    const group = this.#streams.get(stream)?.get(identifier);
    if (group !== undefined && unholdIn(group, member)) group.members.add(member);
  }

  /** Returns true when the member was the stream's last. */
  remove(stream: string, identifier: string, member: Member): boolean {
    const groups = this.#streams.get(stream);
    const group = groups?.get(identifier);
    if (groups === undefined || group === undefined) return false;
    if (!group.members.delete(member) && !unholdIn(group, member)) return false;
    if (group.members.size === 0 && group.held === undefined) groups.delete(identifier);
    if (groups.size > 0) return false;
    this.#streams.delete(stream);
    return true;
  }
}

function holdIn<Member, Hold>(group: MutableGroup<Member, Hold>, member: Member, hold: Hold): void {
  group.held ??= new Map();
  group.held.set(member, hold);
}

function unholdIn<Member, Hold>(group: MutableGroup<Member, Hold>, member: Member): boolean {
  if (!group.held?.delete(member)) return false;
  if (group.held.size === 0) group.held = undefined;
  return true;
}
