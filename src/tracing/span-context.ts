import { AsyncLocalStorage } from "node:async_hooks";
import { createTraceState, ROOT_CONTEXT, trace, TraceFlags, type Context, type SpanContext } from "@opentelemetry/api";
import type { TraceContext } from "../internal/trace-context.ts";

/**
 * The span that the running code belongs to. Kept here rather than in OpenTelemetry's global context, because several servers of one
 * process, and the application around them, are each to have their own.
 */
export type CurrentSpan = AsyncLocalStorage<Context>;

export function currentSpan(): CurrentSpan {
  return new AsyncLocalStorage();
}

/** What went over the wire, as OpenTelemetry has it; undefined when there is nothing, or nothing of use. Then a trace of our own begins. */
export function spanContextOf({
  traceparent,
  tracestate,
}: {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}): SpanContext | undefined {
  const match =
    traceparent === undefined ? null : /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent.trim());
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, more] = match;
  // Version 00 has nothing behind the flags; later ones may.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const context: SpanContext = {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: Number.parseInt(flags!, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate !== undefined && tracestate !== "" && { traceState: createTraceState(tracestate) }),
  };
  return trace.isSpanContextValid(context) ? context : undefined;
}

/** The same way back. */
export function traceContextOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const tracestate = traceState?.serialize();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    tracestate: tracestate === "" ? undefined : tracestate,
  };
}

/** A context whose span is somebody else's; without one, that where traces begin. */
export function remoteContext(parent: SpanContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}
