import type { Clock } from "../clock.ts";
import { messageOf } from "../hub/hub.ts";
import { ShortMemory } from "../internal/short-memory.ts";
import type { Publication } from "../publications/publication.ts";
import type { Encoding } from "../session/encoding.ts";
import type { Frame } from "../transports/transport.ts";

/** How long it is remembered, and how much: clients that come back together ask for the same within seconds. */
const REMEMBERED_MS = 5_000;
const MOST_BYTES = 8 * 1024 * 1024;

interface Encoded {
  readonly publication: Publication;
  readonly frame: Frame;
}

/** What one kind of client hears of a stream. */
interface Backlog {
  readonly encoding: Encoding;
  readonly identifier: string;
  readonly stream: string;
  /** By offset. */
  readonly encoded: Map<number, Encoded>;
}

/** Messages of backlogs, each encoded once for all clients that ask for it within seconds. */
export class EncodedBacklogs {
  readonly #memory: ShortMemory;
  #ofEncoding = new Map<Encoding, Map<string, Map<string, Backlog>>>();
  /** A client asks for many messages of one stream. */
  #latest: Backlog | undefined;

  constructor(clock: Clock) {
    this.#memory = new ShortMemory({ ms: REMEMBERED_MS, mostBytes: MOST_BYTES, forget: () => this.#forget(), clock });
  }

  frame(publication: Publication, identifier: string, encoding: Encoding): Frame {
    const { stream, position } = publication;
    if (position === undefined) return encoding.frame(messageOf(publication, identifier));
    const known = this.#backlog(stream, identifier, encoding).encoded.get(position.offset);
    if (known !== undefined && isSame(known.publication, publication)) return known.frame;
    const frame = encoding.frame(messageOf(publication, identifier));
    if (this.#memory.makeRoom(frame.bytes.length)) {
      this.#backlog(stream, identifier, encoding).encoded.set(position.offset, { publication, frame });
    }
    return frame;
  }

  #backlog(stream: string, identifier: string, encoding: Encoding): Backlog {
    const latest = this.#latest;
    if (latest?.stream === stream && latest.identifier === identifier && latest.encoding === encoding) return latest;
    const ofIdentifier = getOrAdd(this.#ofEncoding, encoding, () => new Map<string, Map<string, Backlog>>());
    const ofStream = getOrAdd(ofIdentifier, identifier, () => new Map<string, Backlog>());
    return (this.#latest = getOrAdd(ofStream, stream, () => ({ encoding, identifier, stream, encoded: new Map() })));
  }

  #forget(): void {
    this.#ofEncoding = new Map();
    this.#latest = undefined;
  }
}

/** Stores make a new object of each reading. */
function isSame(one: Publication, other: Publication): boolean {
  if (one === other) return true;
  return one.position?.epoch === other.position?.epoch && one.json === other.json && one.broadcastType === other.broadcastType;
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
