import type { Span } from "@opentelemetry/api";
import { expect, it } from "vitest";
import type { Session } from "../../../src/session/session.ts";
import { ConnectionSpans } from "../../../src/tracing/connections.ts";

function span(spanId: string, traceFlags: number = 1): Span {
  return { spanContext: () => ({ traceId: "a".repeat(32), spanId, traceFlags }) } as Span;
}

function session(env: object): Session {
  return { env } as Session;
}

it("links what a session does to the span in which it connected, by the session or by its environment", () => {
  const connections = new ConnectionSpans();
  const [one, other] = [session({}), session({})];
  connections.remember({ session: one, span: span("1") });
  connections.remember({ session: other, span: span("2") });
  for (const key of [one, one.env]) expect(connections.linksTo(key)).toMatchObject([{ context: { spanId: "1" } }]);
  expect(connections.linksTo(other.env)).toMatchObject([{ context: { spanId: "2" } }]);
  expect(connections.linksTo(session({}))).toEqual([]);
});

it("links to no span that nobody keeps", () => {
  const connections = new ConnectionSpans();
  const unsampled = session({});
  connections.remember({ session: unsampled, span: span("1", 0) });
  expect(connections.linksTo(unsampled)).toEqual([]);
});

it("takes nobody for another where sessions share their environment", () => {
  const connections = new ConnectionSpans();
  const shared = {};
  const sessions = [session(shared), session(shared), session(shared)];
  for (const [index, each] of sessions.entries()) connections.remember({ session: each, span: span(String(index)) });
  expect(connections.linksTo(shared)).toEqual([]);
  expect(connections.linksTo(sessions[1]!)).toMatchObject([{ context: { spanId: "1" } }]);
});
