import type { CheckedOption, ConfigReport } from "../config/check.ts";

/** The report for people, without the last line break. What matters most comes last, where the cursor is. */
export function renderReport(report: ConfigReport, isAll: boolean): string {
  const shown = report.options.filter(({ source }) => isAll || source !== "default");
  const head = [
    `Configuration file: ${report.configPath ?? "none"}`,
    ...(report.presets.length === 0 ? [] : [`Presets: ${report.presets.join(", ")}`]),
  ];
  const options = shown.length === 0 ? "Every option has its default." : renderTable(shown);
  const sections = [
    section("No effect", report.idle),
    section("Deprecated", report.deprecated),
    section("Warnings", report.warnings),
    section(
      "UNSAFE",
      report.unsafe.map(({ option, sentence }) => `${option}: ${sentence}`),
    ),
    section(
      "CAN'T START",
      report.problems.map(({ message, code }) => `${message} (${code})`),
    ),
  ];
  return [head.join("\n"), options, ...sections.flat(), verdict(report)].join("\n\n");
}

function section(title: string, sentences: readonly string[]): readonly string[] {
  return sentences.length === 0 ? [] : [`${title}:\n${sentences.map((sentence) => wrap(sentence, "  - ")).join("\n")}`];
}

function verdict({ problems, unsafe, warnings, deprecated, idle }: ConfigReport): string {
  const counts = [
    count(unsafe, "unsafe setting"),
    count(warnings, "warning"),
    count(deprecated, "deprecated name"),
    count(idle, "note about what has no effect", "notes about what has no effect"),
  ].filter((text) => text !== "");
  const start = problems.length === 0 ? "OK: it would start" : `FAILED: it can't start, for ${count(problems, "reason")}`;
  return `${[start, ...counts].join("; ")}.`;
}

function count(things: readonly unknown[], one: string, many: string = `${one}s`): string {
  if (things.length === 0) return "";
  return `${things.length} ${things.length === 1 ? one : many}`;
}

function renderTable(options: readonly CheckedOption[]): string {
  const rows = [["OPTION", "VALUE", "FROM"], ...options.map((option) => [option.name, valueOf(option), originOf(option)])];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([name, value, origin]) => `${name!.padEnd(widths[0]!)}  ${value!.padEnd(widths[1]!)}  ${origin}`.trimEnd()).join("\n");
}

function valueOf({ value, unit }: CheckedOption): string {
  // A PEM text, or a list with an item a line.
  const text = value.replaceAll(/\s*\n\s*/gu, " ");
  const short = text.length <= widestValue ? text : `${text.slice(0, widestValue - 3)}...`;
  if (short === "") return "(empty)";
  return unit === undefined || unit === "1/s" ? short : `${short} ${unit}`;
}

function originOf({ origin, insteadOf }: CheckedOption): string {
  return insteadOf.length === 0 ? origin : `${origin}, instead of ${insteadOf.join(", ")}`;
}

const widestValue = 48;
const width = 100;

function wrap(text: string, bullet: string): string {
  const lines: string[] = [];
  let line = bullet.trimEnd();
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > width && line.trim() !== "-") {
      lines.push(line);
      line = " ".repeat(bullet.length - 1);
    }
    line = `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
