import { describe, expect, it } from "vitest";
import { spanContextOf, traceContextOf } from "../../../src/tracing/span-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

describe("the place in a trace", () => {
  it.each([
    [`00-${traceId}-${spanId}-01`, undefined],
    [`00-${traceId}-${spanId}-00`, undefined],
    [`00-${traceId}-${spanId}-01`, "vendor=abc,other=1"],
  ])("comes and goes as it is: %s", (traceparent, tracestate) => {
    const context = spanContextOf({ traceparent, tracestate })!;
    expect(context).toMatchObject({ traceId, spanId, isRemote: true });
    expect(traceContextOf(context)).toEqual({ traceparent, tracestate });
  });

  it("is understood in later versions, as far as they are the same", () => {
    expect(spanContextOf({ traceparent: `cc-${traceId}-${spanId}-09-what-comes`, tracestate: undefined })).toMatchObject({ traceFlags: 1 });
  });

  it.each([
    undefined,
    "",
    "nonsense",
    `00-${traceId}-${spanId}`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
  ])("is none when it is malformed: %j", (traceparent) => {
    expect(spanContextOf({ traceparent, tracestate: "a=b" })).toBeUndefined();
  });

  it("loses what is malformed in tracestate, not itself", () => {
    const context = spanContextOf({ traceparent: `00-${traceId}-${spanId}-01`, tracestate: "=,é=1,ok=1" })!;
    expect(traceContextOf(context).tracestate).toBe("ok=1");
  });
});
