import type { Bench, CaseResult, Column, Target } from "./bench.ts";
import type { Figures } from "./load/plan.ts";

const PUBLIC_COLUMNS: readonly Column[] = [
  { figure: "serverPercent", header: "server", unit: "%", digits: 0 },
  { figure: "loadPercent", header: "load", unit: "%", digits: 0 },
  { figure: "othersPercent", header: "others", unit: "%", digits: 0 },
];
/** Clients of the largest case of all. */
const FULL_SIZE = 10_000;
const BUSY_PERCENT = 95;
const DISTURBED_PERCENT = 20;

/** The middle one; of an even number, the mean of the middle two. NaN of none. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

function medianOf(result: CaseResult, figure: string): number {
  return median(result.rounds.flatMap((round) => round?.[figure] ?? []));
}

/** Median, over the rounds, of one contender's figure divided by another's of the same round. */
function pairedRatio(one: CaseResult, other: CaseResult, figure: string): number {
  return median(
    one.rounds.flatMap((round, at) => {
      const [a, b] = [round?.[figure], other.rounds[at]?.[figure]];
      return a === undefined || b === undefined ? [] : a / b;
    }),
  );
}

/** A bench's results as text: one table, growth, targets, warnings. */
export function report(bench: Bench, results: readonly CaseResult[], mostClients: number): string {
  const rounds = Math.max(0, ...results.map((result) => result.rounds.length));
  const lines = [
    `${bench.name}: ${bench.title}`,
    `medians of ${rounds} rounds; in brackets: ${
      bench.variants ? "this figure ÷ the first row's" : "the first row's figure ÷ this one's"
    }, paired by round`,
    ...(mostClients < FULL_SIZE
      ? [`with ${mostClients} clients at most, whatever the cases are called: not what the targets are about`]
      : []),
    "",
  ];
  lines.push(...table(bench, results), ...growth(bench, results), ...targets(bench, results), ...warnings(results));
  return `${lines.join("\n")}\n`;
}

function table(bench: Bench, results: readonly CaseResult[]): string[] {
  const columns = [...bench.columns, ...PUBLIC_COLUMNS];
  const rows = [["", ...columns.map((column) => column.header)]];
  for (const name of new Set(results.map((result) => result.case))) {
    const ofCase = results.filter((result) => result.case === name);
    rows.push([name, ...columns.map(() => "")]);
    for (const result of ofCase) {
      rows.push([
        `  ${result.contender.name}`,
        ...columns.map((column) =>
          cell(column, result, bench.columns.includes(column) ? ofCase[0] : undefined, bench.variants !== undefined),
        ),
      ]);
    }
  }
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** `isPrice`: the first row is what the others cost more than, so it is what they are divided by. */
function cell(column: Column, result: CaseResult, first: CaseResult | undefined, isPrice: boolean): string {
  const value = medianOf(result, column.figure);
  if (Number.isNaN(value)) return result.failures.length > 0 ? "FAILED" : "–";
  const text = `${format(value, column.digits)} ${column.unit}`.trimEnd();
  if (first === undefined) return text;
  if (first === result) return `${text}       `;
  const ratio = isPrice ? pairedRatio(result, first, column.figure) : pairedRatio(first, result, column.figure);
  // Of counts that are 0, as they should be, there is none.
  return Number.isFinite(ratio) ? `${text} (${ratio.toFixed(2).padStart(4)})` : `${text}       `;
}

function format(value: number, digits: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function growth(bench: Bench, results: readonly CaseResult[]): string[] {
  return (bench.growth ?? []).flatMap((pair) => {
    const grown = results.flatMap((end) => {
      const start = results.find((result) => result.case === pair.from && result.contender.name === end.contender.name);
      return end.case !== pair.to || start === undefined ? [] : [{ contender: end.contender, ratio: pairedRatio(end, start, pair.figure) }];
    });
    if (grown.length === 0) return [];
    const lines = [
      "",
      `${pair.figure}, ${pair.to} ÷ ${pair.from}: ${grown.map((g) => `${g.contender.name} ${g.ratio.toFixed(2)}`).join(" · ")}`,
    ];
    const ours = grown.find((g) => g.contender.role === "ours");
    const base = grown.find((g) => g.contender.role === "baseline");
    if (ours === undefined || base === undefined) return lines;
    return [
      ...lines,
      verdict(
        `growth ${pair.from} → ${pair.to}`,
        ours.ratio / base.ratio,
        `≤ ${pair.atMost} × ${base.contender.name}'s`,
        ours.ratio / base.ratio <= pair.atMost,
      ),
    ];
  });
}

function targets(bench: Bench, results: readonly CaseResult[]): string[] {
  const judged = (bench.targets ?? []).flatMap((target) => judge(target, results) ?? []);
  return judged.length === 0 ? [] : ["", ...judged];
}

function judge(target: Target, results: readonly CaseResult[]): string | undefined {
  const ofCase = results.filter((result) => result.case === target.case);
  const ours = ofCase.find(({ contender }) => contender.role === "ours" && (target.of ?? contender.name) === contender.name);
  const other = ofCase.find((result) => result.contender.role === target.against || result.contender.name === target.against);
  if (ours === undefined || (target.against !== undefined && other === undefined)) return undefined;
  const value = other === undefined ? medianOf(ours, target.figure) : pairedRatio(ours, other, target.figure);
  const isMet = target.atMost === undefined ? value >= (target.atLeast ?? 0) : value <= target.atMost;
  const bound = target.atMost === undefined ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  const scale = other === undefined ? "" : ` × ${other.contender.name}`;
  return verdict(`${target.case}${target.of === undefined ? "" : `, ${target.of}`}: ${target.figure}`, value, `${bound}${scale}`, isMet);
}

function verdict(what: string, value: number, bound: string, isMet: boolean): string {
  return `target  ${what} ${bound}: ${value.toFixed(2)} ${isMet ? "met" : "MISSED"}`;
}

function warnings(results: readonly CaseResult[]): string[] {
  return results.flatMap((result) => {
    const label = `${result.case}, ${result.contender.name}`;
    const lines = result.failures.map((failure) => `FAILED  ${label}: ${failure}`);
    if (medianOf(result, "othersPercent") > DISTURBED_PERCENT) {
      lines.push(`note    ${label}: others used much of our cores: its figures are not to be relied on (see --retries)`);
    }
    if (result.rounds.some((round) => round !== undefined && isLimitedByLoad(round))) {
      lines.push(`note    ${label}: the load generator was busy all the time and the server was not: its figures say too little of it`);
    }
    return lines;
  });
}

function isLimitedByLoad(figures: Figures): boolean {
  const serverSide = (figures["serverPercent"] ?? 0) + (figures["otherPercent"] ?? 0);
  return (figures["loadPercent"] ?? 0) >= BUSY_PERCENT && serverSide < BUSY_PERCENT;
}
