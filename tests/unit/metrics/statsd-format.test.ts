import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statsdLines, statsdPackets, type StatsdTagsFormat } from "../../../src/metrics/statsd-format.ts";

function lineOf(
  kind: "counter" | "gauge",
  value: number,
  tags: Record<string, string> = {},
  tagsFormat: StatsdTagsFormat = "datadog",
): unknown {
  return statsdLines({ prefix: "anycable_go.", tags, tagsFormat })({ name: "x", kind, value });
}

describe("a line", () => {
  it("is a counter's growth or a gauge's value; a counter that did not grow has none", () => {
    expect(lineOf("counter", 10)).toBe("anycable_go.x:10|c");
    expect(lineOf("gauge", 123)).toBe("anycable_go.x:123|g");
    expect(lineOf("gauge", 0)).toBe("anycable_go.x:0|g");
    expect(lineOf("counter", 0)).toBeUndefined();
  });

  // As anycable-go 1.6.16 sends them.
  it.each([
    ["datadog", "anycable_go.x:1|c|#env:prod,dc:eu"],
    ["influxdb", "anycable_go.x,env=prod,dc=eu:1|c"],
    ["graphite", "anycable_go.x;env=prod;dc=eu:1|c"],
  ] as const)("has its tags as %s wants them", (format, expected) => {
    expect(lineOf("counter", 1, { env: "prod", dc: "eu" }, format)).toBe(expected);
    expect(lineOf("counter", 1, {}, format)).toBe("anycable_go.x:1|c");
    expect(lineOf("counter", 1, { env: "" }, format)).toBe("anycable_go.x:1|c");
  });

  it("can't be broken by the value of a tag", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), fc.constantFrom("datadog", "influxdb", "graphite"), (value, format) => {
        const line = lineOf("counter", 1, { k: value }, format);
        const shapes = {
          datadog: /^anycable_go\.x:1\|c\|#k:[^,|#\s]+$/u,
          influxdb: /^anycable_go\.x,k=[^,=:|\s]+:1\|c$/u,
          graphite: /^anycable_go\.x;k=[^;:|~\s]+:1\|c$/u,
        };
        expect(line).toMatch(shapes[format]);
      }),
    );
    expect(lineOf("counter", 1, { url: "http://x" })).toBe("anycable_go.x:1|c|#url:http://x");
  });
});

describe("packets", () => {
  it("hold every line, in order, and never more than the limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 60 }).filter((text) => !text.includes("\n"))),
        fc.integer({ min: 1, max: 200 }),
        (lines, maxBytes) => {
          const { packets, tooLong } = statsdPackets(lines, maxBytes);
          for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(maxBytes);
          expect(packets.flatMap((packet) => packet.toString().split("\n"))).toEqual(
            lines.filter((line) => Buffer.byteLength(line) <= maxBytes),
          );
          expect(tooLong).toEqual(lines.filter((line) => Buffer.byteLength(line) > maxBytes));
        },
      ),
    );
  });

  it("are as full as they can be", () => {
    const texts = (lines: string[], maxBytes: number): string[] => statsdPackets(lines, maxBytes).packets.map(String);
    expect(texts(["aaaa", "bbbb", "cccc"], 9)).toEqual(["aaaa\nbbbb", "cccc"]);
    expect(texts(["aaaa", "bbbb", "cccc"], 8)).toEqual(["aaaa", "bbbb", "cccc"]);
    expect(texts(["ää", "b"], 6)).toEqual(["ää\nb"]);
    expect(texts([], 9)).toEqual([]);
  });
});
