/** A place in a distributed trace, as it travels in headers, in metadata and with messages (W3C Trace Context, level 1). */
export interface TraceContext {
  /** `00-<trace id>-<span id>-<flags>`. */
  readonly traceparent: string;
  /** What tracing systems add for themselves. */
  readonly tracestate: string | undefined;
}
