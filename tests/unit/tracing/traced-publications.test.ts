import { ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan, type SpanProcessor } from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import type { Publication } from "../../../src/publications/publication.ts";
import type { Pubsub } from "../../../src/pubsub/pubsub.ts";
import { currentSpan, traceContextOf } from "../../../src/tracing/span-context.ts";
import { tracedDelivery, tracedPubsub } from "../../../src/tracing/traced-publications.ts";
import { settle } from "../../support/settle.ts";

const publisher = { traceId: "a".repeat(32), spanId: "b".repeat(16) };
const publishersTrace = { traceparent: `00-${publisher.traceId}-${publisher.spanId}-01`, tracestate: undefined };

function publication(fields: Partial<Publication> = {}): Publication {
  return { stream: "s", json: "1", excludeSid: undefined, broadcastType: undefined, isTransient: false, receivedAtMs: 0, ...fields };
}

function stage(ended: () => void = () => {}) {
  const exporter = new InMemorySpanExporter();
  const told: SpanProcessor = { onStart: () => {}, onEnd: ended, shutdown: async () => {}, forceFlush: async () => {} };
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter }), told] });
  const tracer = provider.getTracer("test");
  const current = currentSpan();
  const request = tracer.startSpan("request");
  return {
    shared: { tracer, current },
    request: request.spanContext(),
    /** As if a request, or a whisper, had caused it. */
    within: <T>(run: () => T): T => current.run(trace.setSpan(ROOT_CONTEXT, request), run),
    async spans(): Promise<readonly ReadableSpan[]> {
      await settle();
      await provider.forceFlush();
      return exporter.getFinishedSpans();
    },
  };
}

describe("the span of a delivery", () => {
  it("ends when the last write is done, which happens at the end of the turn", async () => {
    const order: string[] = [];
    const { shared, spans } = stage(() => order.push("ended"));
    const delivery = tracedDelivery(shared, {
      deliver() {
        order.push("in the outboxes");
        // What a flusher does.
        setImmediate(() => order.push("written"));
        return 7;
      },
      execute: () => {},
    });
    delivery.deliver(publication());
    expect(order).toEqual(["in the outboxes"]);
    const [span] = await spans();
    expect(order).toEqual(["in the outboxes", "written", "ended"]);
    expect(span!.attributes).toMatchObject({ "ropeway.receivers": 7, "messaging.destination.name": "s" });
  });

  it.each([
    ["begins a trace when nothing is known", false, undefined, { kind: SpanKind.CONSUMER, parent: undefined, links: [] }],
    ["is part of the publisher's trace", false, publishersTrace, { kind: SpanKind.CONSUMER, parent: publisher, links: [] }],
    [
      "begins a trace when the publisher's makes no sense",
      false,
      { traceparent: "x", tracestate: "" },
      { kind: SpanKind.CONSUMER, parent: undefined, links: [] },
    ],
    ["is part of the request", true, undefined, { kind: SpanKind.INTERNAL, parent: "request", links: [] }],
    [
      "is part of the request, and linked to the publisher's trace",
      true,
      publishersTrace,
      { kind: SpanKind.INTERNAL, parent: "request", links: [publisher] },
    ],
  ] as const)("%s", async (_name, isWithin, publishedIn, expected) => {
    const { shared, request, within, spans } = stage();
    const delivery = tracedDelivery(shared, { deliver: () => 0, execute: () => {} });
    const deliver = (): void => delivery.deliver(publication({ trace: publishedIn }));
    if (isWithin) within(deliver);
    else deliver();
    await expect.poll(spans).toHaveLength(1);
    const [span] = await spans();
    const parent = expected.parent === "request" ? request : expected.parent;
    expect(span).toMatchObject({ kind: expected.kind });
    expect(span!.parentSpanContext?.spanId).toBe(parent?.spanId);
    if (parent !== undefined) expect(span!.spanContext().traceId).toBe(parent.traceId);
    expect(span!.links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId }))).toEqual(expected.links);
  });
});

describe("a publication that is passed on to other nodes", () => {
  function passedOn(): { readonly pubsub: Pubsub; readonly published: Publication[] } {
    const published: Publication[] = [];
    const pubsub: Pubsub = {
      name: "other nodes",
      start: async () => {},
      publish: (publication) => void published.push(publication),
      command: () => {},
      subscribe: () => {},
      unsubscribe: () => {},
      stop: async () => {},
    };
    return { pubsub, published };
  }

  it("takes along where it was published, or else what caused it here", () => {
    const { shared, request, within } = stage();
    const { pubsub, published } = passedOn();
    const traced = tracedPubsub(shared, pubsub);
    void traced.publish(publication());
    within(() => {
      void traced.publish(publication());
      void traced.publish(publication({ trace: publishersTrace }));
    });
    expect(published.map((passed) => passed.trace)).toEqual([undefined, traceContextOf(request), publishersTrace]);
  });

  it("is not linked to itself when it comes straight back", async () => {
    const { shared, within, spans } = stage();
    const delivery = tracedDelivery(shared, { deliver: () => 1, execute: () => {} });
    const { pubsub } = passedOn();
    const local: Pubsub = { ...pubsub, publish: (publication) => delivery.deliver(publication) };
    void within(() => tracedPubsub(shared, local).publish(publication()));
    await expect.poll(spans).toHaveLength(1);
    expect((await spans())[0]!.links).toEqual([]);
  });
});
