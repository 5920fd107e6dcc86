import { context, ROOT_CONTEXT, trace, type Tracer } from "@opentelemetry/api";
import type { Routes } from "../http/routes.ts";
import { ConnectionSpans } from "./connections.ts";
import { currentSpan, traceContextOf } from "./span-context.ts";
import { failSpan } from "./span-failure.ts";
import { tracedCarryOut, tracedOpenSession } from "./traced-clients.ts";
import { tracedController } from "./traced-controller.ts";
import { tracedDelivery, tracedPubsub, tracedRoutes } from "./traced-publications.ts";
import type { Tracing } from "./tracing.ts";

/** Tracing of a cable, and of what publishers reach it by. */
export interface OpenTelemetryTracing extends Tracing {
  /** Of the application's publishers. */
  routes(next: Routes): Routes;
}

/** Records spans with an OpenTelemetry tracer. `docs/observability.md` says which. */
export function openTelemetryTracing(tracer: Tracer): OpenTelemetryTracing {
  const shared = { tracer, current: currentSpan(), connections: new ConnectionSpans() };
  return {
    openSession: (next) => tracedOpenSession(shared, next),
    carryOut: (next) => tracedCarryOut(shared, next),
    commandFailed(error) {
      failSpan(trace.getSpan(shared.current.getStore() ?? ROOT_CONTEXT), error);
    },
    pubsub: (next) => tracedPubsub(shared, next),
    delivery: (next) => tracedDelivery(shared, next),
    routes: (next) => tracedRoutes(shared, next),
    callersTrace() {
      // The application's own span, if it has OpenTelemetry keep track of them; else ours, in whose handler it may be running.
      const span = trace.getSpanContext(context.active()) ?? trace.getSpanContext(shared.current.getStore() ?? ROOT_CONTEXT);
      return span && traceContextOf(span);
    },
    controller: (next) => tracedController(shared, next),
  };
}
