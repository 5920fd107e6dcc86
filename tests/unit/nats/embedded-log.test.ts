import { expect, it } from "vitest";
import { NatsLog } from "../../../src/nats/embedded/log-lines.ts";
import { recordedLog, type LogLine } from "../../support/recorded-log.ts";

function toldOf(chunks: readonly string[], { isChatty = false, secrets = [] as readonly string[] } = {}): [LogLine["level"], unknown][] {
  const log = recordedLog();
  const nats = new NatsLog(log.logger, secrets);
  nats.chatty(isChatty);
  for (const chunk of chunks) nats.take(chunk);
  nats.end();
  return log.lines.map(({ level, fields }) => [level, fields["line"]]);
}

it.each([
  ["TRC", "debug"],
  ["DBG", "debug"],
  ["INF", "info"],
  ["WRN", "warn"],
  ["ERR", "error"],
  ["FTL", "error"],
])("what NATS logs at %s is logged at %s", (theirs, ours) => {
  expect(toldOf([`[12] [${theirs}] some words\n`])).toEqual([[ours, "some words"]]);
});

it("lines are put together from pieces, and empty ones are left out", () => {
  expect(toldOf(["[1] [INF] on", "e\n[1] [INF]   \n\n[1] [WRN] tw", "o\n[1] [INF] three"])).toEqual([
    ["info", "one"],
    ["warn", "two"],
    ["info", "three"],
  ]);
});

it("a time before the level is left out, as our own log has it", () => {
  expect(toldOf(["[8465] 2026/11/25 19:27:14.994127 [INF] Server is ready\n"])).toEqual([["info", "Server is ready"]]);
});

it("what has no level is an error: nobody planned it", () => {
  expect(toldOf(["nats-server: Parse error on line 2\r\n"])).toEqual([["error", "nats-server: Parse error on line 2"]]);
});

it("while it is chatty, information is for those who look for a fault, and problems are for everybody", () => {
  expect(toldOf(["[1] [INF] one\n[1] [WRN] two\n"], { isChatty: true })).toEqual([
    ["debug", "one"],
    ["warn", "two"],
  ]);
});

it("a line of any length is cut, and what follows it is not lost", () => {
  const long = "x".repeat(20_000);
  const told = toldOf([`[1] [TRC] ${long}`, long, `${long}\n[1] [INF] next\n`]);
  expect(told.map(([level, line]) => [level, String(line).length])).toEqual([
    ["debug", 16_384],
    ["info", 4],
  ]);
});

it("no secret gets through, and an empty one hides nothing", () => {
  expect(toldOf(["[1] [ERR] a s3cret and a s3cret\n"], { secrets: ["", "s3cret"] })).toEqual([["error", "a [password] and a [password]"]]);
});

it("the last errors are remembered", () => {
  const nats = new NatsLog(recordedLog().logger, []);
  for (let i = 1; i <= 7; i++) nats.take(`[1] [INF] fine\n[1] [ERR] error ${i}\n`);
  expect(nats.complaints).toEqual(["error 3", "error 4", "error 5", "error 6", "error 7"]);
});
