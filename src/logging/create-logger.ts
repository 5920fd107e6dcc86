import { pino, type DestinationStream, type Logger as Pino } from "pino";
import { systemClock, type Clock } from "../clock.ts";
import type { LogFields, Logger } from "../logger.ts";
import { printableFields, type PrintableFields } from "./fields.ts";
import { redactText } from "./redact.ts";
import { standardOutput } from "./standard-output.ts";
import { formatText, type LevelName, type LogRecord } from "./text-format.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  /** The least level that is printed. */
  readonly level: LogLevel;
  /** `text` for people, one JSON object a line for machines. */
  readonly format: "text" | "json";
  /** Goes onto every line as `nodeid`. */
  readonly nodeId: string;
  /** Colours in text. Ignored for `json`. */
  readonly isTty: boolean;
  /** Where lines go, each with its newline. Default: standard output, written without blocking and flushed when the process exits. */
  readonly stream?: { write(line: string): unknown };
  readonly clock?: Clock;
}

/**
 * The logger of a Ropeway process. Values may be anything: they are bounded and secrets in them are masked (`docs/reference/logs.md`).
 * Logging never throws.
 */
export function createLogger(options: LoggerOptions): Logger {
  const clock = options.clock ?? systemClock();
  const lines = options.stream ?? standardOutput();
  const destination: DestinationStream = {
    write: (line) => void lines.write(options.format === "json" ? line : formatText(JSON.parse(line) as LogRecord, options.isTty)),
  };
  const records = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label.toUpperCase() as LevelName }) },
    },
    destination,
  );
  return new FieldLogger(records, printableFields({ nodeid: options.nodeId, context: "node" }), options.level === "debug");
}

/** Pino writes the records; what a child carries is kept here, because pino's own children would print a name twice. */
class FieldLogger implements Logger {
  readonly isDebug: boolean;
  readonly #records: Pino;
  readonly #carried: PrintableFields;

  constructor(records: Pino, carried: PrintableFields, isDebug: boolean) {
    this.#records = records;
    this.#carried = carried;
    this.isDebug = isDebug;
  }

  debug(message: string, fields?: LogFields): void {
    this.#print("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#print("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#print("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#print("error", message, fields);
  }

  child(fields: LogFields): Logger {
    const own = printableFields(fields);
    return new FieldLogger(this.#records, { ...own, ...this.#carried, ...own }, this.isDebug);
  }

  #print(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!this.#records.isLevelEnabled(level)) return;
    try {
      // Named twice to stand first and still win over what is carried.
      const own = fields === undefined ? undefined : printableFields(fields);
      this.#records[level]({ ...own, ...this.#carried, ...own }, redactText(message));
    } catch {
      // The stream is broken. A log that can't be written must not take the server with it.
    }
  }
}
