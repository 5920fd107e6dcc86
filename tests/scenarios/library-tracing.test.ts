import { AsyncLocalStorage } from "node:async_hooks";
import { context, ROOT_CONTEXT, SpanKind, trace, type Context, type ContextManager } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { inProcessController } from "ropeway";
import { grpcController } from "ropeway/grpc";
import { openTelemetryTracing } from "ropeway/tracing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CableClient } from "../support/cable-client.ts";
import { startEmbedded, type Embedded } from "../support/embedded.ts";
import { startGrpcApp } from "../support/grpc-app.ts";

const identifier = JSON.stringify({ channel: "Room" });
const outer = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };

/** What an SDK for Node registers, and what `@opentelemetry/context-async-hooks` has. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    run: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => run.apply(thisArg, args));
  }

  bind<T>(_active: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#storage.disable();
    return this;
  }
}

describe("traces of an embedded server", () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const application = provider.getTracer("application");
  const undo: (() => unknown)[] = [];

  beforeAll(() => {
    // As an application does when it starts.
    trace.setGlobalTracerProvider(provider);
    context.setGlobalContextManager(new AsyncContexts());
  });
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
    exporter.reset();
  });
  afterAll(() => {
    trace.disable();
    context.disable();
  });

  async function start(...args: Parameters<typeof startEmbedded>): Promise<Embedded> {
    const embedded = await startEmbedded(...args);
    undo.push(() => embedded.stop());
    return embedded;
  }

  async function span(name: string): Promise<ReadableSpan> {
    await expect.poll(() => exporter.getFinishedSpans().map((each) => each.name)).toContain(name);
    return exporter.getFinishedSpans().find((each) => each.name === name)!;
  }

  const placeOf = (each: ReadableSpan): unknown => ({ traceId: each.spanContext().traceId, spanId: each.spanContext().spanId });
  const parentOf = ({ parentSpanContext: parent }: ReadableSpan): unknown => parent && { traceId: parent.traceId, spanId: parent.spanId };

  it("go from the upgrade to the application's own spans, and from its publication to the client", async () => {
    const { server, url } = await start({
      tracing: openTelemetryTracing(),
      controller: inProcessController({
        async connect() {
          await new Promise(setImmediate);
          application.startSpan("look up user").end();
          return { status: "accepted", identifiers: "ann" };
        },
        command: () => ({ streams: ["room"] }),
      }),
    });
    const client = await CableClient.connect(url, { headers: { traceparent: `00-${outer.traceId}-${outer.spanId}-01` } });
    undo.push(() => client.drop());
    const connect = await span("cable connect");
    expect(parentOf(connect)).toEqual(outer);
    expect(connect.instrumentationScope).toMatchObject({ name: "ropeway", version: expect.any(String) as string });
    const call = await span("anycable.RPC/Connect");
    expect([call.kind, parentOf(call), call.attributes["rpc.system"]]).toEqual([SpanKind.CLIENT, placeOf(connect), undefined]);
    expect(parentOf(await span("look up user"))).toEqual(placeOf(call));

    await client.subscribe(identifier);
    const subscribe = await span("cable subscribe");
    expect(subscribe.links.map((link) => link.context.spanId)).toEqual([connect.spanContext().spanId]);

    await application.startActiveSpan("POST /messages", async (request) => {
      await server.publish("room", "hello");
      request.end();
    });
    expect(await client.next()).toEqual({ identifier, message: "hello" });
    const deliver = await span("cable deliver");
    expect(parentOf(deliver)).toEqual(placeOf(await span("POST /messages")));
    expect(deliver.attributes["ropeway.receivers"]).toBe(1);
  });

  it("follow a publication of a handler, and that of nobody begins a trace", async () => {
    let publish = async (): Promise<void> => {};
    const { server, url } = await start({
      // A tracer of its own, as where nothing is global.
      tracing: openTelemetryTracing(provider.getTracer("cable")),
      controller: inProcessController({
        connect: () => ({ status: "accepted", identifiers: "ann" }),
        async command({ command }) {
          if (command === "subscribe") return { streams: ["room"] };
          await publish();
          return {};
        },
      }),
    });
    publish = () => server.publish("room", "from a handler");
    const client = await CableClient.connect(url);
    undo.push(() => client.drop());
    await client.subscribe(identifier);
    client.say({ command: "message", identifier, data: "x" });
    expect(await client.next()).toMatchObject({ message: "from a handler" });
    const message = await span("cable message");
    expect(parentOf(await span("cable deliver"))).toEqual(placeOf(message));
    exporter.reset();
    await server.publish("room", "of nobody");
    expect(parentOf(await span("cable deliver"))).toBeUndefined();
  });

  it("tell an application behind gRPC where it is in them", async () => {
    const app = await startGrpcApp({ application: { connect: () => ({ identifiers: "ann", transmissions: ['{"type":"welcome"}'] }) } });
    undo.push(() => app.kill());
    const { url } = await start({ tracing: openTelemetryTracing(), controller: grpcController({ target: app.address }) });
    const client = await CableClient.connect(url);
    undo.push(() => client.drop());
    const call = await span("anycable.RPC/Connect");
    expect(call.attributes["rpc.system"]).toBe("grpc");
    expect(app.calls[0]!.traceparent).toBe(`00-${call.spanContext().traceId}-${call.spanContext().spanId}-01`);
  });

  it("are not made without being asked for", async () => {
    const controller = inProcessController({ connect: () => ({ status: "accepted", identifiers: "ann" }), command: () => undefined });
    const { url } = await start({ controller });
    await (await CableClient.connect(url)).close();
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});
