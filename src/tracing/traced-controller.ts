import { context, ROOT_CONTEXT, SpanKind, trace, type SpanOptions, type Tracer } from "@opentelemetry/api";
import { controllerLife } from "../rpc/around.ts";
import type { Controller } from "../rpc/controller.ts";
import type { TraceContext } from "../internal/trace-context.ts";
import type { ConnectionSpans } from "./connections.ts";
import { failSpan } from "./span-failure.ts";
import { traceContextOf, type CurrentSpan } from "./span-context.ts";

export interface TracedControllerOptions {
  readonly tracer: Tracer;
  readonly current: CurrentSpan;
  readonly connections: ConnectionSpans;
}

/**
 * `anycable.RPC/Connect`, `…/Command`, `…/Disconnect`: one call from its making to its answer, waiting for a slot and retries included. The
 * application is told the span, so that its own are part of the trace.
 */
export function tracedController(options: TracedControllerOptions, next: Controller): Controller {
  const { tracer, current, connections } = options;

  async function traced<Request extends { readonly sid: string }, Answer>(
    method: string,
    request: Request,
    call: (request: Request & { readonly trace: TraceContext }) => Promise<Answer>,
    { attributes, ...spanOptions }: SpanOptions = {},
    parent = current.getStore() ?? ROOT_CONTEXT,
  ): Promise<Answer> {
    const span = tracer.startSpan(
      `anycable.RPC/${method}`,
      {
        ...spanOptions,
        kind: SpanKind.CLIENT,
        attributes: {
          ...(next.system !== undefined && { "rpc.system": next.system }),
          "rpc.service": "anycable.RPC",
          "rpc.method": method,
          "ropeway.sid": request.sid,
          ...attributes,
        },
      },
      parent,
    );
    try {
      // An application in this very process finds the span where OpenTelemetry has it.
      const inner = { ...request, trace: traceContextOf(span.spanContext()) };
      const answer = await context.with(trace.setSpan(parent, span), call, undefined, inner);
      const { status } = (answer ?? {}) as { readonly status?: string };
      if (status !== undefined) span.setAttribute("ropeway.outcome", status);
      return answer;
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  return {
    ...controllerLife(next),
    needsEnv: next.needsEnv,
    connect: (request, signal) => traced("Connect", request, (inner) => next.connect(inner, signal)),
    command: (request, signal) =>
      traced("Command", request, (inner) => next.command(inner, signal), { attributes: { "ropeway.command": request.command } }),
    // Made from a queue: what happens to be running when its turn comes has nothing to do with it.
    disconnect: (request, signal) =>
      traced("Disconnect", request, (inner) => next.disconnect(inner, signal), { links: connections.linksTo(request.env) }, ROOT_CONTEXT),
  };
}
