import { trace, type Tracer } from "@opentelemetry/api";
import { openTelemetryTracing as tracing } from "../tracing/open-telemetry.ts";
import type { Tracing } from "../tracing/tracing.ts";
import { version } from "../version.ts";

/**
 * Records spans with the OpenTelemetry of the application around the server: sampling and export are set up there, and
 * `@opentelemetry/api` is installed there. Where the application's spans are kept track of (a context manager is registered, as its SDK for
 * Node does), `publish` belongs to the span that calls it, and handlers of `inProcessController` run inside of the call's span.
 * @param tracer default: the global provider's
 */
export function openTelemetryTracing(tracer: Tracer = trace.getTracer("ropeway", version)): Tracing {
  return tracing(tracer);
}
