import { CableError } from "../errors.ts";
import { matches } from "../internal/wildcard.ts";

/** What a broker keeps, and for how long. Defaults are AnyCable's. */
export interface KeepingOptions {
  /** Publications kept of a stream; 0 = none. Default 100. */
  readonly historyLimit?: number;
  /** How long each is kept, ms; 0 = not at all. Default 300,000. */
  readonly historyTtlMs?: number;
  /** How long a client that left can come back to its session, ms; 0 = never. Default 300,000. */
  readonly sessionsTtlMs?: number;
  /** How long somebody who shows no sign of life stays present, ms; 0 = no presence. Default 15,000. */
  readonly presenceTtlMs?: number;
  /** For some streams something else: the first whose pattern fits counts. Default none. */
  readonly streams?: readonly StreamKeeping[];
}

export interface StreamKeeping {
  /** `*` stands for any characters, or none. */
  readonly pattern: string;
  /** Default: what counts for all. */
  readonly historyLimit?: number;
  readonly historyTtlMs?: number;
}

/** The same as brokers want it. */
export interface Keeping {
  /** `limit` is 0 when nothing is kept. */
  readonly settingsFor: (stream: string) => { readonly limit: number; readonly ttlMs: number };
  /** The longest time for which anything is kept of any stream, ms. */
  readonly longestTtlMs: number;
  readonly sessionsTtlMs: number;
  readonly presenceTtlMs: number;
}

/** @throws {CableError} `config.invalid_value` for what is no number, or less than 0. */
export function keeping(options: KeepingOptions): Keeping {
  const { historyLimit = 100, historyTtlMs = 300_000, sessionsTtlMs = 300_000, presenceTtlMs = 15_000, streams = [] } = options;
  checkNumbers({ historyLimit, historyTtlMs, sessionsTtlMs, presenceTtlMs });
  for (const { historyLimit: limit, historyTtlMs: ttlMs } of streams) checkNumbers({ historyLimit: limit, historyTtlMs: ttlMs });
  const common = settings(historyLimit, historyTtlMs);
  const special = streams.map((entry) => ({
    pattern: entry.pattern,
    settings: settings(entry.historyLimit ?? historyLimit, entry.historyTtlMs ?? historyTtlMs),
  }));
  const settingsFor = (stream: string): typeof common => special.find(({ pattern }) => matches(pattern, stream))?.settings ?? common;
  return {
    settingsFor: special.length === 0 ? () => common : settingsFor,
    longestTtlMs: Math.max(common.ttlMs, ...special.map(({ settings: { ttlMs } }) => ttlMs)),
    sessionsTtlMs,
    presenceTtlMs,
  };
}

function settings(limit: number, ttlMs: number): { readonly limit: number; readonly ttlMs: number } {
  return limit > 0 && ttlMs > 0 ? { limit, ttlMs } : { limit: 0, ttlMs: 0 };
}

function checkNumbers(numbers: { readonly [name: string]: number | undefined }): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue;
    throw new CableError("config.invalid_value", `${name} has to be a whole number, 0 or more, and is ${String(value)}`);
  }
}
