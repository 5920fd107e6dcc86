import { createHash } from "node:crypto";
import { CableError } from "../errors.ts";

/** Longer names are hashed: a server refuses lines of more than 4 KB, and names of files end at 255 bytes. */
const mostReadable = 120;
const mostEncoded = 90;
/** Begins what is not a name itself. */
const mark = "=";

/**
 * A name of any text, as one word of a subject: itself, when that is allowed and can't be taken for anything else, or encoded. `isPlain`
 * says which names may stay as they are. Different names get different words.
 */
export function wordFor(name: string, isPlain: (name: string) => boolean): string {
  if (name.length <= mostReadable && !name.startsWith(mark) && isPlain(name)) return name;
  // UTF-8 can't say lone surrogates.
  const isWellFormed = !/\p{Surrogate}/u.test(name);
  const bytes = Buffer.from(name, isWellFormed ? "utf8" : "utf16le");
  const kind = isWellFormed ? "" : mark;
  if (bytes.length <= mostEncoded) return `${mark}${kind}${bytes.toString("base64url")}`;
  return `${mark}${kind}${mark}${mark}${createHash("sha256").update(bytes).digest("base64url")}`;
}

/** What names of JetStream's streams and buckets may consist of, which are names of folders too. */
export function isPlainEverywhere(name: string): boolean {
  return /^[\w-]+$/.test(name);
}

/** What may stand before the names of streams, buckets and subjects. @throws {CableError} `config.invalid_value` */
export function checkPrefix(prefix: string): void {
  if (prefix === "" || isPlainEverywhere(prefix)) return;
  throw new CableError("config.invalid_value", `A prefix in NATS has letters, digits, - and _, and is not ${JSON.stringify(prefix)}.`);
}
