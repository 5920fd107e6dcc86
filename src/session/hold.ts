import type { Frame } from "../transports/transport.ts";

/** Of two epochs it can't be told which is the newer. */
const BEGAN_ANEW = "the stream began anew meanwhile";

/** What may wait in one hold. What is dropped past it is read again from the history, so it costs time, not messages. */
const MOST_BYTES = 256 * 1024;

/** Where a message stands in its stream. */
interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Who hears what is not held back any more. */
export interface HoldEnd {
  push(frame: Frame): void;
  /** The live messages have gone past what the backlog showed: nothing is to be left out any more. Called once. */
  passed(): void;
  /** What came can't be put in order behind the backlog, and why. May be called again. */
  missed(why: string): void;
}

/**
 * A stream held back from one subscription, from the moment when it may have missed something until its backlog stands in the outbox. What
 * is published meanwhile waits here, so that it can't overtake the backlog; afterwards the position decides what the backlog has shown.
 */
export class Hold {
  /** Where the stream stood on this node when it began; `none`: nothing was published yet; undefined: unknown. */
  readonly #startedAt: Position | "none" | undefined;
  /** The client has asked for the backlog, so it is going to end with that. */
  isAsked: boolean;
  #waiting: { readonly frame: Frame; readonly position: Position | undefined }[] = [];
  #bytes = 0;
  /** The first message of each epoch that was dropped, once something was. */
  #dropped: Position[] | undefined;
  #shown: Position | undefined;
  #end: HoldEnd | undefined;

  constructor(startedAt: Position | "none" | undefined, isAsked: boolean) {
    this.#startedAt = startedAt;
    this.isAsked = isAsked;
  }

  /** Something was dropped, and nothing is taken until `restart`. */
  get isOverflowed(): boolean {
    return this.#dropped !== undefined;
  }

  /** Up to where the client was shown the stream, while the live messages have not gone past it. */
  get shown(): Position | undefined {
    return this.#shown;
  }

  /** Behind where the stream goes on for the client, as far as is known. */
  get goesOnBehind(): Position | undefined {
    if (this.#shown !== undefined) return this.#shown;
    if (this.#startedAt !== undefined && this.#startedAt !== "none") return this.#startedAt;
    const [first] = this.#dropped ?? [];
    return first && { epoch: first.epoch, offset: first.offset - 1 };
  }

  /**
   * The first message of this epoch that waits, was dropped or is to come; undefined: not known. `begunAt`: where the stream stood on this node
   * before anything of it was heard here, which is where a hold began that is as old.
   */
  nextOf(epoch: string, begunAt: Position | "none" | undefined): Position | undefined {
    const at = this.#shown ?? this.#startedAt ?? begunAt;
    if (at !== undefined && at !== "none" && at.epoch === epoch) return { epoch, offset: at.offset + 1 };
    const isOfEpoch = (position: Position | undefined): boolean => position?.epoch === epoch;
    const first = this.#dropped?.find(isOfEpoch) ?? this.#waiting.find(({ position }) => isOfEpoch(position))?.position;
    // The epoch began after the hold.
    return first ?? (at && { epoch, offset: 1 });
  }

  /** Takes the place of an earlier hold: what that had shown stays shown. */
  follow(earlier: Hold | undefined): void {
    if (earlier !== undefined) this.#shown = earlier.#shown;
  }

  /** A message for the subscription. */
  take(frame: Frame, position: Position | undefined): void {
    if (this.#end !== undefined) {
      this.#pass(this.#end, frame, position);
      return;
    }
    if (this.#dropped === undefined) {
      this.#waiting.push({ frame, position });
      this.#bytes += frame.bytes.length;
      if (this.#bytes > MOST_BYTES) this.#overflow();
    } else this.#drop(this.#dropped, position);
  }

  #overflow(): void {
    const dropped: Position[] = [];
    for (const { position } of this.#waiting) this.#drop(dropped, position);
    this.restart();
    this.#dropped = dropped;
  }

  #drop(dropped: Position[], position: Position | undefined): void {
    if (position !== undefined && !dropped.some(({ epoch }) => epoch === position.epoch)) dropped.push(position);
  }

  /** Forgets what waits and collects anew: the history is going to be read after this. */
  restart(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#dropped = undefined;
  }

  /** Why a backlog that reaches up to `head` can't be put in order before what waits and what comes; undefined: it can. */
  conflictWith(head: Position | undefined): string | undefined {
    const startedAt = this.#startedAt;
    if (
      startedAt !== undefined &&
      startedAt !== "none" &&
      (head === undefined || (head.epoch === startedAt.epoch && head.offset < startedAt.offset))
    ) {
      return "the history is behind what was delivered here";
    }
    const isMixed = head !== undefined && this.#waiting.some(({ position }) => position !== undefined && position.epoch !== head.epoch);
    return isMixed ? BEGAN_ANEW : undefined;
  }

  /** The backlog up to `shown` stands in the outbox: hands over what waits behind it, and from now on what comes. */
  finish(shown: Position | undefined, end: HoldEnd): void {
    this.#shown = shown ?? this.#shown;
    this.#end = end;
    const waiting = this.#waiting;
    this.restart();
    for (const { frame, position } of waiting) this.#pass(end, frame, position);
  }

  #pass(end: HoldEnd, frame: Frame, position: Position | undefined): void {
    const shown = this.#shown;
    if (position !== undefined && shown !== undefined) {
      if (position.epoch !== shown.epoch) return end.missed(BEGAN_ANEW);
      if (position.offset <= shown.offset) return;
      this.#shown = undefined;
      end.push(frame);
      end.passed();
      return;
    }
    end.push(frame);
  }
}
