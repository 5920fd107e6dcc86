import { TraceFlags, type Link, type Span, type SpanContext } from "@opentelemetry/api";
import type { Session } from "../session/session.ts";

/**
 * The span in which each client connected. What the client does later has traces of its own: a connection lasts for days, and no tracing
 * system takes a trace of that length. They are linked to this one.
 */
export class ConnectionSpans {
  /** By session, and by what the application gets to see of it, which is all that a Disconnect call has. */
  readonly #spans = new WeakMap<object, SpanContext | undefined>();

  remember({ session, span }: { readonly session: Session; readonly span: Span }): void {
    const context = span.spanContext();
    // A link to a span that nobody keeps leads nowhere.
    if ((context.traceFlags & TraceFlags.SAMPLED) === 0) return;
    this.#spans.set(session, context);
    // Sessions of a controller that asks for nothing may share what it gets to see: then it tells nobody apart.
    this.#spans.set(session.env, this.#spans.has(session.env) ? undefined : context);
  }

  linksTo(sessionOrEnv: object): Link[] {
    const context = this.#spans.get(sessionOrEnv);
    return context === undefined ? [] : [{ context }];
  }
}
