// Tables say only what the code does: no row that nothing uses.

import { describe, expect, it } from "vitest";
import { closings } from "../../src/close-codes.ts";
import { errorCodes } from "../../src/errors.ts";
import { counters, gauges, histograms, memoryGauges } from "../../src/metrics/definitions.ts";
import { filesUnder } from "../support/repository.ts";

/** All sources but the table's own file. */
function sourceWithout(table: string): string {
  return [...filesUnder("src", ".ts")]
    .filter(([path]) => path !== table)
    .map(([, text]) => text)
    .join("\n");
}

describe("every row is used:", () => {
  const withoutErrors = sourceWithout("src/errors.ts");
  it.each(Object.keys(errorCodes))("error %s", (code) => expect(withoutErrors).toContain(`"${code}"`));

  const withoutMetrics = sourceWithout("src/metrics/definitions.ts");
  it.each([...Object.keys(counters), ...Object.keys(gauges), ...Object.keys(memoryGauges), ...Object.keys(histograms)])(
    "metric %s",
    (name) => expect(withoutMetrics).toMatch(new RegExp(`\\b${name}\\b`)),
  );

  const withoutClosings = sourceWithout("src/close-codes.ts");
  it.each(Object.keys(closings))("closing %s", (name) => expect(withoutClosings).toMatch(new RegExp(`closings\\.${name}\\b|"${name}"`)));
});
