import { SpanKind, SpanStatusCode, trace, type Link, type Tracer } from "@opentelemetry/api";
import type { Routes } from "../http/routes.ts";
import type { Publication } from "../publications/publication.ts";
import type { Pubsub } from "../pubsub/pubsub.ts";
import { remoteContext, spanContextOf, traceContextOf, type CurrentSpan } from "./span-context.ts";
import type { Delivery, Receiver } from "./tracing.ts";

export interface TracedPublicationsOptions {
  readonly tracer: Tracer;
  readonly current: CurrentSpan;
}

/** `POST /_broadcast`: the request of a publisher. Belongs to the trace that its headers name. */
export function tracedRoutes({ tracer, current }: TracedPublicationsOptions, next: Routes): Routes {
  return {
    upgrade: (path, handler) => next.upgrade(path, handler),
    request: (path, handler) =>
      next.request(path, (request, response) => {
        const { traceparent, tracestate } = request.headers;
        const parent = remoteContext(spanContextOf({ traceparent: text(traceparent), tracestate: text(tracestate) }));
        const method = request.method ?? "GET";
        const attributes = { "http.request.method": method, "http.route": path };
        const span = tracer.startSpan(`${method} ${path}`, { kind: SpanKind.SERVER, attributes }, parent);
        response.once("close", () => {
          span.setAttribute("http.response.status_code", response.statusCode);
          if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        });
        current.run(trace.setSpan(parent, span), handler, request, response);
      }),
  };
}

function text(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.join(",");
}

/** Publications take the trace along to other nodes: their publisher's own if they have one, else that of whatever passes them on. */
export function tracedPubsub({ current }: TracedPublicationsOptions, next: Pubsub): Pubsub {
  return {
    name: next.name,
    start: (sink) => next.start(sink),
    publish(publication) {
      const span = publication.trace === undefined ? spanOf(current) : undefined;
      return next.publish(span === undefined ? publication : { ...publication, trace: traceContextOf(span) });
    },
    command: (command) => next.command(command),
    subscribe: (stream) => next.subscribe(stream),
    unsubscribe: (stream) => next.unsubscribe(stream),
    stop: () => next.stop(),
    ...(next.state && { state: () => next.state!() }),
  };
}

/**
 * `cable deliver`: a publication on this node, from its arrival at the hub to its last write. Part of what brought it here, a request or a
 * whisper, and linked to the publisher's trace if that is another; else part of the publisher's trace itself.
 */
export function tracedDelivery({ tracer, current }: TracedPublicationsOptions, next: Delivery): Receiver {
  return {
    execute: (command) => next.execute(command),
    deliver(publication) {
      const here = current.getStore();
      const publisher = publication.trace && spanContextOf(publication.trace);
      const isElsewhere = publisher !== undefined && publisher.spanId !== spanOf(current)?.spanId;
      const links: Link[] = here !== undefined && isElsewhere ? [{ context: publisher }] : [];
      const span = tracer.startSpan(
        "cable deliver",
        { kind: here === undefined ? SpanKind.CONSUMER : SpanKind.INTERNAL, attributes: attributesOf(publication), links },
        here ?? remoteContext(publisher),
      );
      span.setAttribute("ropeway.receivers", next.deliver(publication));
      // The outboxes it was put into are written by then: their flush was asked for earlier.
      setImmediate(() => span.end());
    },
  };
}

function attributesOf({ stream, json, isTransient }: Publication): Record<string, string | number | boolean> {
  return {
    "messaging.destination.name": stream.slice(0, 200),
    "messaging.message.body.size": json.length,
    ...(isTransient && { "ropeway.transient": true }),
  };
}

function spanOf(current: CurrentSpan): ReturnType<typeof trace.getSpanContext> {
  const context = current.getStore();
  return context && trace.getSpanContext(context);
}
