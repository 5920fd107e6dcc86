import type { Clock } from "../../clock.ts";
import { ShortMemory } from "../../internal/short-memory.ts";
import { decodeMessage } from "../../publications/envelope.ts";
import type { Publication, StreamPosition } from "../../publications/publication.ts";

/** Clients that come back after the same fault read the same, one after the other, for some seconds. */
const rememberedMs = 5_000;
const mostCharacters = 4 * 1024 * 1024;

interface Decoded {
  readonly text: string;
  readonly publication: Publication;
}

/** Publications as they were read lately, each decoded once. */
export class DecodedPublications {
  readonly #memory: ShortMemory;
  readonly #streams = new Map<string, Map<number, Decoded>>();

  constructor(clock: Clock) {
    this.#memory = new ShortMemory({ ms: rememberedMs, mostBytes: mostCharacters, forget: () => this.#streams.clear(), clock });
  }

  /**
   * `text`: an envelope without its beginning, as it is kept.
   * @throws {CableError} `publication.malformed`
   * @throws {TypeError} when it is no publication.
   */
  publication(text: string, stream: string, position: StreamPosition, receivedAtMs: number): Publication {
    const known = this.#streams.get(stream)?.get(position.offset);
    if (known?.text === text && known.publication.position?.epoch === position.epoch) return known.publication;
    const message = decodeMessage(`{"stream":${JSON.stringify(stream)}${text}}`, receivedAtMs);
    if (message === undefined || "command" in message) throw new TypeError("Not a publication");
    const publication = { ...message, position };
    if (this.#memory.makeRoom(text.length)) this.#add(stream, position.offset, { text, publication });
    return publication;
  }

  #add(stream: string, offset: number, decoded: Decoded): void {
    const ofStream = this.#streams.get(stream);
    if (ofStream === undefined) this.#streams.set(stream, new Map([[offset, decoded]]));
    else ofStream.set(offset, decoded);
  }
}
