import type { StreamPosition } from "../../src/publications/publication.ts";
import { textOf, type Published, type Truth } from "./truth.ts";

/** A client's request for history, and what is known of it. */
export interface Asked {
  readonly sentAt: number;
  readonly sentMs: number;
  readonly since: number;
  readonly positions: ReadonlyMap<string, StreamPosition>;
  /** The client named an earlier session. */
  readonly isReturning: boolean;
  /** Why it could have been refused when it was sent. */
  readonly excuse: string | undefined;
}

type ViewEvent =
  | { readonly kind: "message"; readonly published: Published; readonly position: StreamPosition }
  | { readonly kind: "transient"; readonly published: Published }
  | { readonly kind: "asked" | "confirmed" | "rejected"; readonly asked: Asked };

/** How a subscription came about. */
export interface Beginning {
  /** Tick at which the client asked for it. */
  readonly beganAt: number;
  readonly beganMs: number;
  /** It is one of a restored session. */
  readonly isRestored: boolean;
}

/** What one subscription of one connection saw of one stream, to be held against the promise when all is known. */
export class View {
  readonly stream: string;
  readonly sid: string;
  /** For people. */
  readonly name: string;
  readonly beginning: Beginning;
  /** Tick at which the client was told that it is subscribed. */
  establishedAt: number = Infinity;
  readonly events: ViewEvent[] = [];
  /** The client is at rest, and nothing is on its way to it. */
  isQuiet = false;

  constructor(stream: string, sid: string, name: string, beginning: Beginning) {
    this.stream = stream;
    this.sid = sid;
    this.name = name;
    this.beginning = beginning;
  }
}

/** A request while it is checked. */
interface Pending {
  readonly asked: Asked;
  readonly named: StreamPosition | undefined;
  /** The end of an unbroken row of messages that began where the request wants it. */
  covered: StreamPosition | undefined;
  /** Messages came that only its answer explains. */
  isBegun: boolean;
}

/** What breaks the promise in what a client saw of a stream; undefined: nothing. `isQuiet`: nothing more is to come. */
export function faultOf(view: View, truth: Truth, isQuiet: boolean = view.isQuiet): string | undefined {
  const { stream, sid } = view;
  const entries = truth.entries(stream);
  const before = (one: StreamPosition, other: StreamPosition): boolean => truth.compare(stream, one, other) < 0;
  let last: StreamPosition | undefined;
  let hasAnswer = false;
  let wasLate = false;
  const pending: Pending[] = [];
  const heard = new Set<number>();
  const transient: Published[] = [];

  /** Acknowledged, for this client to hear, and `such`. */
  const owed = (such: (entry: Published, position: StreamPosition) => boolean): Published | undefined =>
    entries.find((entry) => entry.acknowledgedAt < Infinity && entry.excludeSid !== sid && such(entry, entry.position!));

  /** Nothing is left out if `next` comes right after `at`. */
  const follows = (at: StreamPosition, next: StreamPosition): boolean => {
    if (!before(at, next)) return false;
    const first = at.epoch === next.epoch ? at.offset + 1 : 1;
    for (let offset = first; offset < next.offset; offset++) {
      if (truth.at(stream, { epoch: next.epoch, offset })?.excludeSid !== sid) return false;
    }
    return (
      at.epoch === next.epoch ||
      owed((_, position) => before(at, position) && position.epoch !== next.epoch && before(position, next)) === undefined
    );
  };

  /** Nothing is left out if the subscription's first message is this one, and it comes live. */
  const beginsLive = ({ acknowledgedAt, storedSecond }: Published, at: StreamPosition): boolean =>
    (acknowledgedAt > view.beginning.beganAt ||
      // It may have been on its way here; and where the stream stood then can't be known, that second is sent as a whole.
      (truth.isDistributed && storedSecond >= Math.floor(view.beginning.beganMs / 1_000) - 1)) &&
    owed(({ startedAt }, position) => startedAt > view.establishedAt && before(position, at)) === undefined;

  const wantedBy = ({ asked }: Pending, { storedSecond, startedSecond, acknowledgedAt, lostAt }: Published): boolean =>
    acknowledgedAt < asked.sentAt && Math.min(startedSecond, storedSecond) >= asked.since && (asked.isReturning || lostAt > asked.sentAt);

  const advance = (one: Pending, at: StreamPosition, isExplained: boolean): string | undefined => {
    if (one.covered !== undefined && follows(one.covered, at)) {
      one.covered = at;
      return undefined;
    }
    if (one.named !== undefined ? !follows(one.named, at) : !beginsAnswer(one, at))
      return isExplained ? undefined : "a hole, or out of order";
    if (!isExplained && one.isBegun) return "the answer began twice";
    one.covered = at;
    one.isBegun ||= !isExplained;
    return undefined;
  };
  const beginsAnswer = (one: Pending, at: StreamPosition): boolean =>
    one.asked.since > 0 &&
    (last === undefined || !before(last, at)) &&
    owed((entry, position) => wantedBy(one, entry) && before(position, at)) === undefined;

  for (const event of view.events) {
    switch (event.kind) {
      case "transient": {
        const { published } = event;
        if (published.excludeSid === sid) return `publication ${published.number} excludes this client`;
        if (heard.has(published.number)) return `transient publication ${published.number} came twice`;
        heard.add(published.number);
        if (transient.some((earlier) => isBefore(published, earlier))) return `transient publication ${published.number} came out of order`;
        transient.push(published);
        break;
      }
      case "message": {
        const { published, position } = event;
        if (published.excludeSid === sid) return `publication ${published.number} excludes this client`;
        const isExplained = last === undefined ? beginsLive(published, position) : follows(last, position);
        const [first] = pending;
        const isLive = first === undefined || (first.named !== undefined && !follows(first.named, position));
        if (last === undefined && isExplained && isLive && view.beginning.isRestored && !hasAnswer) wasLate = true;
        const why = first === undefined ? (isExplained ? undefined : "a hole, or out of order") : advance(first, position, isExplained);
        if (why !== undefined) return `${textOf(position)} after ${textOf(last)}: ${why}`;
        last = position;
        break;
      }
      case "asked":
        pending.push({ asked: event.asked, named: event.asked.positions.get(stream), covered: undefined, isBegun: false });
        break;
      case "rejected":
        hasAnswer = true;
        if (pending.shift()?.isBegun) return "rejected after a part of it was sent";
        break;
      case "confirmed": {
        const answered = pending.shift()!;
        const { named, covered, asked } = answered;
        hasAnswer = true;
        if (named === undefined && asked.since === 0) break;
        if (named !== undefined && wasLate) return "confirmed by offset although newer messages had been sent before it was asked for";
        const to = covered ?? named;
        const missing =
          named !== undefined
            ? owed(({ acknowledgedAt }, position) => acknowledgedAt < asked.sentAt && before(to!, position))
            : owed((entry, position) => wantedBy(answered, entry) && (to === undefined || before(to, position)));
        if (missing !== undefined) return `confirmed up to ${textOf(to)} without ${textOf(missing.position)}`;
        if (named !== undefined && covered === undefined && (last === undefined || before(last, named))) last = named;
        break;
      }
    }
  }
  if (!isQuiet) return undefined;
  const missing = owed(({ startedAt }, position) => (last === undefined ? startedAt > view.establishedAt : before(last, position)));
  return missing && `at rest at ${textOf(last)} without ${textOf(missing.position)}`;
}

/** Who publishes without waiting for the answer to what was before has no order, except in what is published together. */
function isBefore(one: Published, other: Published): boolean {
  return one.acknowledgedAt < other.startedAt || (one.batch === other.batch && one.number < other.number);
}
