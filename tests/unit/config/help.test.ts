import { describe, expect, it } from "vitest";
import { renderHelp } from "../../../src/cli/help.ts";
import { hasFlag } from "../../../src/config/option.ts";
import { options } from "../../../src/config/schema.ts";

describe("--help", () => {
  const help = renderHelp();

  it("shows every flag: those that work with their text, the rest by name", () => {
    for (const option of options.filter((candidate) => hasFlag(candidate) && candidate.deprecated === undefined)) {
      const shown =
        option.class === "works" ? new RegExp(`^  --${option.name}(?: |$)`, "mu") : new RegExp(`[ ,]${option.name}(?:,|$)`, "mu");
      expect(help, option.name).toMatch(shown);
    }
  });

  it("says default, unit and variable", () => {
    expect(help.replaceAll(/\s+/gu, " ")).toContain(
      "--ping_interval value Time between pings to a client; 0 is none. A client can choose its own with the parameter pi. [in s; default 3; $ANYCABLE_PING_INTERVAL]",
    );
    expect(help).toContain("$ANYCABLE_PORT, $PORT");
    expect(help).toContain("$ROPEWAY_MAX_SUBSCRIPTIONS");
  });

  it("fits a terminal", () => {
    expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
