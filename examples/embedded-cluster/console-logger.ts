import type { LogFields, Logger } from "ropeway";

/** Writes what matters to stderr. */
export function consoleLogger(fields: LogFields = {}): Logger {
  const write =
    (level: string) =>
    (message: string, more: LogFields = {}): void => {
      const { error, ...rest } = { ...fields, ...more };
      const why = error instanceof Error ? error.message : error;
      process.stderr.write(`${level} ${message} ${JSON.stringify({ ...rest, error: why })}\n`);
    };
  return {
    isDebug: false,
    debug: () => {},
    info: () => {},
    warn: write("warn"),
    error: write("error"),
    child: (more) => consoleLogger({ ...fields, ...more }),
  };
}
