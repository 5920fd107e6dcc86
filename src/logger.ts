/** What a log line carries besides its message. Values are printed as they are: never put a secret or a token here. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * PORT: structured log. Messages are short and constant, so that one grep finds all of a kind; what varies goes into the
 * fields. A line about one client carries its `sid`.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line also carries `fields`. */
  child(fields: LogFields): Logger;
  /** Whether `debug` prints. Ask before building costly fields. */
  readonly isDebug: boolean;
}

/** Prints nothing. What an embedder gets who passes no logger. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
  isDebug: false,
};
