import { cut, type Printable } from "./fields.ts";

/** One log line before it is printed; `time` is ISO 8601. */
export interface LogRecord {
  readonly time: string;
  readonly level: LevelName;
  readonly msg: string;
  readonly [field: string]: Printable;
}

export type LevelName = "DEBUG" | "INFO" | "WARN" | "ERROR";

const labels: Readonly<Record<LevelName, { readonly text: string; readonly colour: string }>> = {
  DEBUG: { text: "DBG", colour: "\u001B[35m" },
  INFO: { text: "INF", colour: "\u001B[32m" },
  WARN: { text: "WRN", colour: "\u001B[33m" },
  ERROR: { text: "ERR", colour: "\u001B[31m" },
};
const dim = "\u001B[2m";
const plain = "\u001B[0m";

/** Values are for the eye here; errors are printed in full, because they say what to do. */
const maxValueLength = 100;
const uncut = new Set(["error", "stack"]);

/** `2006-01-02 15:04:05.000 INF message key=value ...`, in local time, as AnyCable prints it. */
export function formatText(record: LogRecord, isColoured: boolean): string {
  const { time, level, msg, ...fields } = record;
  const paint = (colour: string, text: string): string => (isColoured ? `${colour}${text}${plain}` : text);
  const { text, colour } = labels[level];
  let line = `${paint(dim, localTime(new Date(time)))} ${paint(colour, text)} ${escapeControls(msg)}`;
  for (const [name, value] of Object.entries(fields)) line += ` ${paint(dim, `${quote(name)}=`)}${formatValue(name, value)}`;
  return `${line}\n`;
}

function formatValue(name: string, value: Printable): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return quote(uncut.has(name) ? text : cut(text, maxValueLength));
}

/** Control and format characters and line separators: with them a client could forge log lines, or turn the direction of text. */
const control = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const needsQuotes = /^$|[\s="]/;

function quote(text: string): string {
  const isBare = !needsQuotes.test(text) && text.search(control) === -1;
  return isBare ? text : escapeControls(JSON.stringify(text));
}

function escapeControls(text: string): string {
  return text.replaceAll(control, (character) => {
    const digits = character.codePointAt(0)!.toString(16);
    return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, "0")}`;
  });
}

function localTime(at: Date): string {
  const digits = (value: number, length = 2): string => String(value).padStart(length, "0");
  const date = `${digits(at.getFullYear(), 4)}-${digits(at.getMonth() + 1)}-${digits(at.getDate())}`;
  return `${date} ${digits(at.getHours())}:${digits(at.getMinutes())}:${digits(at.getSeconds())}.${digits(at.getMilliseconds(), 3)}`;
}
