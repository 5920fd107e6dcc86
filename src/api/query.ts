import { CableError } from "../errors.ts";

/** A whole number; undefined when it is not given. @throws {CableError} `api.malformed` */
export function wholeNumber(query: URLSearchParams, name: string, least: number, most: number): number | undefined {
  const text = only(query, name);
  if (text === undefined) return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw malformed(`${name} must be a whole number from ${least} to ${most}`);
}

/** `true` or `false`; undefined when it is not given. @throws {CableError} `api.malformed` */
export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = only(query, name);
  if (text === undefined) return undefined;
  if (text === "true" || text === "false") return text === "true";
  throw malformed(`${name} must be true or false`);
}

/** Text that is not empty; undefined when it is not given. @throws {CableError} `api.malformed` */
export function text(query: URLSearchParams, name: string): string | undefined {
  const given = only(query, name);
  if (given === "") throw malformed(`${name} is empty`);
  return given;
}

export function malformed(why: string): CableError {
  return new CableError("api.malformed", `The request can't be answered: ${why}.`);
}

function only(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw malformed(`${name} is given ${values.length} times`);
  return values[0];
}
