import { ROOT_CONTEXT, SpanKind, trace, type Attributes, type Tracer } from "@opentelemetry/api";
import type { ClientCommand } from "../protocols/messages.ts";
import type { Session } from "../session/session.ts";
import type { Handshake } from "../transports/transport.ts";
import type { ConnectionSpans } from "./connections.ts";
import { remoteContext, spanContextOf, type CurrentSpan } from "./span-context.ts";
import type { CarryOut, OpenSession } from "./tracing.ts";

export interface TracedClientsOptions {
  readonly tracer: Tracer;
  readonly current: CurrentSpan;
  readonly connections: ConnectionSpans;
}

/** `cable connect`: from the upgrade until the client is welcomed or refused. Belongs to the trace that the request's headers name. */
export function tracedOpenSession({ tracer, current, connections }: TracedClientsOptions, next: OpenSession): OpenSession {
  return async (session, handshake) => {
    const parent = remoteContext(
      spanContextOf({ traceparent: handshake.header("traceparent"), tracestate: handshake.header("tracestate") }),
    );
    const span = tracer.startSpan("cable connect", { kind: SpanKind.SERVER, attributes: connectAttributes(session, handshake) }, parent);
    connections.remember({ session, span });
    try {
      await current.run(trace.setSpan(parent, span), next, session, handshake);
    } finally {
      span.setAttribute("ropeway.outcome", session.isOpen ? "open" : "refused");
      span.end();
    }
  };
}

function connectAttributes(session: Session, { url, protocol }: Handshake): Attributes {
  return {
    "ropeway.sid": session.sid,
    "http.request.method": "GET",
    "http.response.status_code": 101,
    // Without the query: it may carry tokens.
    "url.path": URL.canParse(url) ? new URL(url).pathname : "",
    "network.protocol.name": "websocket",
    ...(protocol !== "" && { "ropeway.subprotocol": protocol }),
  };
}

/** `cable subscribe`, `cable message` and so on: one command, in a trace of its own that is linked to the connection's. */
export function tracedCarryOut({ tracer, current, connections }: TracedClientsOptions, next: CarryOut): CarryOut {
  return (session, command) => {
    // Heartbeats, and no work.
    if (command.command === "ping" || command.command === "pong") return next(session, command);
    const span = tracer.startSpan(
      `cable ${command.command}`,
      { kind: SpanKind.SERVER, attributes: commandAttributes(session, command), links: connections.linksTo(session) },
      ROOT_CONTEXT,
    );
    const pending = current.run(trace.setSpan(ROOT_CONTEXT, span), next, session, command);
    if (pending === undefined) return span.end();
    return pending.finally(() => span.end());
  };
}

function commandAttributes(session: Session, command: ClientCommand): Attributes {
  const channel = "identifier" in command ? channelOf(command.identifier) : undefined;
  return { "ropeway.sid": session.sid, "ropeway.command": command.command, ...(channel !== undefined && { "ropeway.channel": channel }) };
}

/** The name alone: the rest of an identifier may be a signed name of a stream, which is as good as a key to it. */
function channelOf(identifier: string): string | undefined {
  try {
    const { channel } = JSON.parse(identifier) as { readonly channel?: unknown };
    return typeof channel === "string" ? channel.slice(0, 200) : undefined;
  } catch {
    return undefined;
  }
}
