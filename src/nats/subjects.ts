import { wordFor } from "./names.ts";

export interface SubjectsOptions {
  /**
   * First word of all subjects, so that applications that share a NATS don't hear each other: letters, digits, - and _. Default none, as in
   * AnyCable.
   */
  readonly prefix?: string | undefined;
  /** Where nodes tell each other what concerns all of them, behind the prefix. AnyCable's default is `__anycable_internal__`. */
  readonly internal: string;
  /** Subjects that others listen to for something else, with their full names: those of broadcasters. Default none. */
  readonly reserved?: readonly string[] | undefined;
}

/** Which subject is for what. */
export interface Subjects {
  readonly internal: string;
  /**
   * Where publications of a stream go: the stream's own name, as in AnyCable 1.6.16, where that is one word of a subject that nothing else
   * uses. Other names are encoded: `=` and base64url, or a hash when they are long. (AnyCable fails on blanks, and takes dots and wildcards
   * for what they mean in NATS.)
   */
  subjectOf(stream: string): string;
}

export function subjects({ prefix = "", internal, reserved = [] }: SubjectsOptions): Subjects {
  const before = prefix === "" ? "" : `${prefix}.`;
  const taken = new Set([before + internal, ...reserved]);
  const isPlain = (name: string): boolean => oneWord.test(name) && !taken.has(before + name);
  return {
    internal: before + internal,
    subjectOf: (stream) => before + wordFor(stream, isPlain),
  };
}

/** `$` begins subjects of the servers, `_INBOX` those of answers, and what AnyCable itself uses begins with `__anycable`. */
const oneWord = /^(?!\$|_INBOX|__anycable)[^\p{Cc}\p{Surrogate}\s.*>]+$/u;
