import { describe, expect, it } from "vitest";
import type { Clock } from "../../../src/clock.ts";
import { CableError } from "../../../src/errors.ts";
import { createLogger, type LoggerOptions } from "../../../src/logging/create-logger.ts";

const noon = new Date(2026, 0, 2, 12, 4, 5, 6).getTime();
const clock: Clock = {
  nowMs: () => noon,
  nowNs: () => BigInt(noon) * 1_000_000n,
  monotonicMs: () => 0,
  after: () => ({ cancel: () => {} }),
};

function logInto(lines: string[], options: Partial<LoggerOptions> = {}) {
  return createLogger({
    level: "debug",
    format: "text",
    nodeId: "n1",
    isTty: false,
    clock,
    stream: { write: (line: string) => lines.push(line) },
    ...options,
  });
}

/** What one line of text says after its time stamp. */
function textOf(message: string, fields?: Record<string, unknown>): string {
  const lines: string[] = [];
  logInto(lines).info(message, fields);
  expect(lines).toHaveLength(1);
  return lines[0]!.replace("2026-01-02 12:04:05.006 INF ", "").replace(" nodeid=n1 context=node\n", "");
}

function recordOf(fields: Record<string, unknown>): Record<string, unknown> {
  const lines: string[] = [];
  logInto(lines, { format: "json" }).info("said", fields);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe("text", () => {
  it("prints time, level, message, fields, node and context in AnyCable's form", () => {
    const lines: string[] = [];
    const logger = logInto(lines);
    logger.debug("a");
    logger.info("b", { count: 2 });
    logger.warn("c", { name: "two words" });
    logger.error("d", { error: new Error("no") instanceof Error });
    expect(lines).toEqual([
      "2026-01-02 12:04:05.006 DBG a nodeid=n1 context=node\n",
      "2026-01-02 12:04:05.006 INF b count=2 nodeid=n1 context=node\n",
      '2026-01-02 12:04:05.006 WRN c name="two words" nodeid=n1 context=node\n',
      "2026-01-02 12:04:05.006 ERR d error=true nodeid=n1 context=node\n",
    ]);
  });

  it("colours on a terminal only", () => {
    const coloured: string[] = [];
    logInto(coloured, { isTty: true }).info("x", { a: 1 });
    expect(coloured[0]).toContain("\u001B[32mINF\u001B[0m x");
    expect(textOf("x", { a: 1 })).toBe("x a=1");
  });

  it("cuts long values and says by how much, but never an error", () => {
    expect(textOf("x", { data: "a".repeat(130) })).toBe(`x data=${"a".repeat(100)}...(30)`);
    expect(textOf("x", { data: `${"a".repeat(99)}😀😀` })).toBe(`x data=${"a".repeat(99)}...(4)`);
    expect(textOf("x", { error: "b".repeat(130) })).toBe(`x error=${"b".repeat(130)}`);
  });

  it("lets nobody forge a line, hide one or talk to the terminal", () => {
    const nasty = "1\n2026-01-02 12:04:05.006 INF fake\r\t\u001B[2J\u0000\u009B\u2028\u202E\uFEFF\u{E0041}";
    for (const line of [textOf(nasty), textOf("x", { data: nasty }), textOf("x", { [nasty]: 1 }), textOf("x", { deep: [{ a: nasty }] })]) {
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(line).toContain("fake");
    }
    expect(textOf("x", { a: 'b" c="d' })).toBe('x a="b\\" c=\\"d"');
    expect(textOf("x", { a: "" })).toBe('x a=""');
  });
});

describe("json", () => {
  it("prints one object a line with the names of Go's slog", () => {
    const lines: string[] = [];
    logInto(lines, { format: "json", isTty: true }).child({ context: "ws", sid: "s1" }).warn("line\nbreak", { count: 2 });
    expect(lines[0]!.endsWith("\n")).toBe(true);
    expect(lines[0]!.trimEnd()).not.toContain("\n");
    expect(JSON.parse(lines[0]!)).toEqual({
      time: new Date(noon).toISOString(),
      level: "WARN",
      msg: "line\nbreak",
      count: 2,
      nodeid: "n1",
      context: "ws",
      sid: "s1",
    });
  });

  it("never prints a name twice: the nearest value wins, and the record's own names stay free", () => {
    const lines: string[] = [];
    logInto(lines, { format: "json" }).child({ sid: "a", n: 1 }).child({ sid: "b" }).info("m", { n: 2, msg: "mine", level: 9, time: 0 });
    expect(lines[0]!.match(/"(sid|n|msg|level|time)":/g)?.toSorted()).toEqual(['"level":', '"msg":', '"n":', '"sid":', '"time":']);
    expect(JSON.parse(lines[0]!)).toMatchObject({ sid: "b", n: 2, msg: "m", msg_: "mine", level: "INFO", level_: 9, time_: 0 });
  });
});

describe("levels", () => {
  it.each([
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("%s prints %i of the four", (level, count) => {
    const lines: string[] = [];
    const logger = logInto(lines, { level });
    for (const print of [logger, logger.child({ a: 1 })]) {
      lines.length = 0;
      print.debug("x");
      print.info("x");
      print.warn("x");
      print.error("x");
      expect(lines).toHaveLength(count);
      expect(print.isDebug).toBe(level === "debug");
    }
  });
});

describe("values", () => {
  it("prints errors with their causes, and the stack of those that nobody named", () => {
    const cause = new Error("connect ECONNREFUSED");
    const named = recordOf({ error: new CableError("rpc.unavailable", "no server", { cause }) });
    expect(named).toMatchObject({ error: "no server <- connect ECONNREFUSED" });
    expect(named).not.toHaveProperty("stack");
    expect(recordOf({ error: new TypeError("oops") })).toMatchObject({
      error: "oops",
      stack: expect.stringContaining("create-logger.test.ts") as string,
    });
  });

  it("survives anything", () => {
    const circle: Record<string, unknown> = { name: "circle" };
    circle["self"] = circle;
    const loop = new Error("loop");
    loop.cause = loop;
    const fields = {
      circle,
      loop,
      big: 2n ** 64n,
      none: undefined,
      nothing: null,
      nan: Number.NaN,
      date: new Date(Number.NaN),
      bytes: Buffer.alloc(5),
      map: new Map([["k", new Set([1])]]),
      symbol: Symbol("s"),
      task: () => {},
      get broken(): string {
        throw new Error("getter");
      },
      proxy: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error("trap");
          },
        },
      ),
      json: {
        toJSON: () => {
          throw new Error("toJSON");
        },
      },
      many: Array.from({ length: 1_000 }, (_, index) => index),
      huge: "x".repeat(1_000_000),
      ["__proto__"]: { polluted: true },
    };
    const record = recordOf(fields);
    expect(record).toMatchObject({
      big: "18446744073709551616",
      nothing: null,
      nan: "NaN",
      date: "Invalid Date",
      bytes: "[5 bytes]",
      map: { k: [1] },
      symbol: "[symbol]",
      task: "[function]",
      broken: "[unreadable]",
      json: { toJSON: "[function]" },
    });
    expect(record).not.toHaveProperty("none");
    expect(JSON.stringify(record).length).toBeLessThan(20_000);
    expect(textOf("x", fields)).toContain("big=18446744073709551616");
    expect({}).not.toHaveProperty("polluted");
  });

  it("does not throw when the stream does", () => {
    const logger = createLogger({
      level: "info",
      format: "json",
      nodeId: "n",
      isTty: false,
      stream: {
        write: () => {
          throw new Error("EPIPE");
        },
      },
    });
    expect(() => logger.info("x")).not.toThrow();
  });
});
