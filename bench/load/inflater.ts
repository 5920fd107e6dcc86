import { constants, inflateRawSync } from "node:zlib";

const MOST_REMEMBERED = 64;

/**
 * Undoes permessage-deflate without context takeover. A broadcast has the same bytes for everybody, so each is inflated once and known again:
 * the generator must not cost more than the server that it measures.
 */
export class Inflater {
  #latest: { readonly compressed: Buffer; readonly text: Buffer }[] = [];

  inflate(payload: Buffer): Buffer {
    const known = this.#latest.find(({ compressed }) => compressed.equals(payload));
    if (known !== undefined) return known.text;
    // The tail that RFC 7692 leaves out is made up for by not insisting on an end.
    const text = inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
    this.#latest.unshift({ compressed: Buffer.from(payload), text });
    if (this.#latest.length > MOST_REMEMBERED) this.#latest.pop();
    return text;
  }
}
