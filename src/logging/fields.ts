import { CableError } from "../errors.ts";
import type { LogFields } from "../logger.ts";
import { isSecretName, redacted, redactText } from "./redact.ts";

/** A value as it can be printed: a tree, with nothing in it that can throw. */
export type Printable = string | number | boolean | null | readonly Printable[] | { readonly [name: string]: Printable };
export type PrintableFields = { readonly [name: string]: Printable };

const maxTextLength = 4_000;
const maxDepth = 4;
const maxEntries = 50;
/** Names that every record has; a field of that name gets a `_` behind it. */
const taken = new Set(["time", "level", "msg"]);

/** Makes fields printable whatever is in them: secrets masked, size bounded, errors with their causes. Never throws. */
export function printableFields(fields: LogFields): PrintableFields {
  const printed: [string, Printable][] = [];
  for (const [name, value] of readEntries(fields)) {
    if (value === undefined) continue;
    const key = taken.has(name) ? `${name}_` : name;
    printed.push([key, printableMember(name, value, 0)]);
    if (value instanceof Error && !(value instanceof CableError) && typeof value.stack === "string") {
      printed.push([key === "error" ? "stack" : `${key}_stack`, textOf(value.stack)]);
    }
  }
  return Object.fromEntries(printed);
}

/** Cuts text past `limit` characters and says how many are gone. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(limit - 1));
  const kept = splitsPair ? limit - 1 : limit;
  return `${text.slice(0, kept)}...(${text.length - kept})`;
}

function printableMember(name: string, value: unknown, depth: number): Printable {
  // A yes or no about a secret is no secret.
  if (isSecretName(name) && typeof value !== "boolean" && value !== null && value !== "") return redacted;
  return printable(value, depth);
}

function printable(value: unknown, depth: number): Printable {
  switch (typeof value) {
    case "string":
      return textOf(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return value.toString();
    case "boolean":
      return value;
    case "undefined":
      return null;
    case "symbol":
    case "function":
      return `[${typeof value}]`;
    case "object":
      if (value === null) return null;
      try {
        return printableObject(value, depth);
      } catch {
        return "[unreadable]";
      }
  }
}

function printableObject(value: object, depth: number): Printable {
  if (value instanceof Error) return textOf(errorText(value));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof URL) return textOf(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  // Bounds what refers to itself, too.
  if (depth >= maxDepth) return "[...]";
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value];
    const printed = items.slice(0, maxEntries).map((item) => printable(item, depth + 1));
    return items.length > maxEntries ? [...printed, `...(${items.length - maxEntries})`] : printed;
  }
  const entries: [string, unknown][] = value instanceof Map ? [...value].map(([key, item]) => [String(key), item]) : readEntries(value);
  const printed = entries.slice(0, maxEntries).map(([name, item]): [string, Printable] => [name, printableMember(name, item, depth + 1)]);
  if (entries.length > maxEntries) printed.push(["...", entries.length - maxEntries]);
  return Object.fromEntries(printed);
}

/** Like Object.entries, but a getter that throws costs its own value only. */
function readEntries(value: object): [string, unknown][] {
  let names: string[];
  try {
    names = Object.keys(value);
  } catch {
    return [];
  }
  return names.map((name) => {
    try {
      return [name, (value as Record<string, unknown>)[name]];
    } catch {
      return [name, "[unreadable]"];
    }
  });
}

function errorText(error: Error): string {
  const texts: string[] = [];
  let at: unknown = error;
  for (let depth = 0; depth < maxDepth && at !== undefined && at !== null; depth++) {
    texts.push(at instanceof Error ? at.message || at.name : typeof at === "string" ? at : `[${typeof at}]`);
    at = at instanceof Error ? at.cause : undefined;
  }
  return texts.join(" <- ");
}

function textOf(text: string): string {
  return cut(redactText(text), maxTextLength);
}
