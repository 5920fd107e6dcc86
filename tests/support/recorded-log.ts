import type { LogFields, Logger } from "../../src/logger.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps what it is told. */
export interface RecordedLog {
  readonly logger: Logger;
  readonly lines: readonly LogLine[];
  /** Messages of the lines that people see by default. */
  readonly messages: () => string[];
}

export function recordedLog(): RecordedLog {
  const lines: LogLine[] = [];
  return {
    logger: recorder(lines, {}),
    lines,
    messages: () => lines.filter(({ level }) => level !== "debug").map(({ message }) => message),
  };
}

function recorder(lines: LogLine[], base: LogFields): Logger {
  const at =
    (level: LogLine["level"]) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields: { ...base, ...fields } });
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => recorder(lines, { ...base, ...fields }),
    isDebug: true,
  };
}
