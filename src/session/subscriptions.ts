import type { Hold } from "./hold.ts";

/** Where the application, or a local channel, allows whispers to go: a key of the subscription's state. Source: anycable-rails. */
const WHISPER_KEY = "$w";
/** The same for the stream in whose presence set a client may be. */
const PRESENCE_KEY = "$p";

/** Where, as whom, and with what for others to see (JSON text). */
export interface Presence {
  readonly stream: string;
  readonly id: string;
  readonly info: string;
}

/** A session × an identifier. */
export class Subscription {
  readonly identifier: string;
  /** Whether the application was asked, and is to be told when it ends. */
  readonly isLocal: boolean;
  readonly streams: Set<string> = new Set();
  /** Streams that are held back, until their backlog is sent. */
  holds: Map<string, Hold> | undefined;
  /** Streams whose live messages were sent before their backlog was asked for: what is missing before those can't be sent any more. */
  late: Set<string> | undefined;
  /** The client has given it up, and the application is being told. */
  isEnding = false;
  /** What the client is present as. */
  presence: Presence | undefined;
  #istate: Map<string, string> | undefined;

  constructor(identifier: string, isLocal: boolean) {
    this.identifier = identifier;
    this.isLocal = isLocal;
  }

  get istate(): ReadonlyMap<string, string> {
    return this.#istate ?? EMPTY_STATE;
  }

  /** The stream that whispers go to; undefined when whispering was not allowed. */
  get whisperStream(): string | undefined {
    return this.#istate?.get(WHISPER_KEY);
  }

  allowWhispers(stream: string): void {
    this.mergeState(new Map([[WHISPER_KEY, stream]]));
  }

  /** The stream whose presence set the client may be in; undefined when that was not allowed. */
  get presenceStream(): string | undefined {
    return this.#istate?.get(PRESENCE_KEY);
  }

  allowPresence(stream: string): void {
    this.mergeState(new Map([[PRESENCE_KEY, stream]]));
  }

  mergeState(changes: ReadonlyMap<string, string>): void {
    this.#istate = merge(this.#istate, changes);
  }
}

export const EMPTY_STATE: ReadonlyMap<string, string> = new Map();

/** State with changes applied: a value is set, an empty string deletes its key. No changes, no map. */
export function merge(state: Map<string, string> | undefined, changes: ReadonlyMap<string, string>): Map<string, string> | undefined {
  if (changes.size === 0) return state;
  const merged = state ?? new Map<string, string>();
  for (const [key, value] of changes) {
    if (value === "") merged.delete(key);
    else merged.set(key, value);
  }
  return merged;
}
