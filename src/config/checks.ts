import { isNetwork } from "../internal/networks.ts";
import type { Tags } from "./option.ts";

/** Rules that several options share. Each says what is wrong, or nothing. */

export function absolutePath(value: string): string | undefined {
  // What stands in a placeholder is a regular expression.
  const text = value.replace(/\{[^/]*\}/gu, "");
  if (!text.startsWith("/")) return 'a path starts with "/"';
  return /[\s?#]/u.test(text) ? "a path has no blanks, no query and no fragment" : undefined;
}

export function absolutePathOrEmpty(value: string): string | undefined {
  return value === "" ? undefined : absolutePath(value);
}

export function absolutePaths(paths: readonly string[]): string | undefined {
  if (paths.length === 0) return "at least one path is needed";
  if (new Set(paths).size < paths.length) return "the same path is there twice";
  return paths.map(absolutePath).find((problem) => problem !== undefined);
}

export function notEmpty(value: string | readonly string[]): string | undefined {
  return value.length === 0 ? "it can't be empty" : undefined;
}

export function listenHost(value: string): string | undefined {
  if (value === "") return "it can't be empty; 0.0.0.0 or :: listens on every interface";
  return /[\s/]|:\/\//u.test(value) ? "an address or a host name is needed, without scheme, path or port" : undefined;
}

/** What Prometheus allows as the name of a label. */
export function labelNames(tags: Tags): string | undefined {
  const bad = Object.keys(tags).find((name) => !/^[a-zA-Z_][a-zA-Z0-9_]*$/u.test(name) || name.startsWith("__"));
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is no name for a tag (letters, digits and _, not two _ in front)`;
}

export function headerNames(names: readonly string[]): string | undefined {
  const bad = names.find((name) => !/^[!#$%&'*+.^_`|~0-9a-z-]+$/u.test(name));
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is no name of a header`;
}

/** Names a query parameter, and with x- in front a header. */
export function parameterName(name: string): string | undefined {
  return /^[A-Za-z0-9_-]+$/u.test(name) ? undefined : "only letters, digits, - and _ can stand in both a query and the name of a header";
}

export function networkNames(names: readonly string[]): string | undefined {
  const bad = names.find((name) => !isNetwork(name));
  return bad === undefined
    ? undefined
    : `${JSON.stringify(bad)} is no IP address, no range such as 10.0.0.0/8, and not loopback or private`;
}

/** Printed on every log line. */
export function printable(value: string): string | undefined {
  return /[\p{Cc}\s]/u.test(value) ? "blanks and control characters are not allowed" : undefined;
}

/** Braces would put all keys of a cluster into one slot. */
export function keyPrefix(value: string): string | undefined {
  return /[\p{Cc}\s{}]/u.test(value) ? "blanks, braces and control characters are not allowed" : undefined;
}

/** One that can be published to. */
export function natsSubject(value: string): string | undefined {
  return /^[^\p{Cc}\s.*>]+(?:\.[^\p{Cc}\s.*>]+)*$/u.test(value)
    ? undefined
    : "a subject of NATS is needed: words with dots between them, without blanks, * and >";
}

/** What subjects, streams and buckets all allow. */
export function natsPrefix(value: string): string | undefined {
  return /^[\w-]*$/.test(value) ? undefined : "only letters, digits, - and _ are allowed";
}

/** These end a name in StatsD's lines. */
export function statsdPrefix(value: string): string | undefined {
  return /[:|@#\s\p{Cc}]/u.test(value) ? "blanks and : | @ # are not allowed" : undefined;
}
