import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { startGrpcApp } from "../support/grpc-app.ts";
import { startHttpApp } from "../support/http-app.ts";
import { otlpCollector, type CollectedSpan, type OtlpCollector } from "../support/otlp-collector.ts";
import { repositoryRoot } from "../support/repository.ts";
import { Ropeway, standalone, startRopeway } from "../support/ropeway.ts";
import { Refusal, type Application, type IncomingCall } from "../support/application.ts";

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;

/** What a page, or a proxy in front of us, sends along. */
const outer = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const traceparent = `00-${outer.traceId}-${outer.spanId}-01`;

const identifier = JSON.stringify({ channel: "RoomChannel", signed_stream_name: "do-not-tell" });

/** Lets everybody in; subscribing makes a stream, and saying "break" breaks. */
const application: Application = {
  connect: () => ({ identifiers: '{"user":"1"}', transmissions: ['{"type":"welcome"}'] }),
  command: ({ command, data }) => {
    if (data.includes("break")) throw new Refusal("unknown", "it broke");
    return command === "subscribe"
      ? { streams: ["room"], transmissions: [JSON.stringify({ identifier, type: "confirm_subscription" })] }
      : {};
  },
};

describe("traces", () => {
  let collector: OtlpCollector;
  const ending: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    collector = await otlpCollector();
    ending.push(() => collector.close());
  });
  afterEach(async () => {
    for (const end of ending.splice(0).toReversed()) await end();
  });

  async function start(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ropeway> {
    const ropeway = await startRopeway(["--tracing=otlp", ...flags], { ...collector.env, ...env });
    ending.push(() => ropeway.stop());
    return ropeway;
  }

  interface Asked {
    readonly flag: string;
    readonly calls: readonly (IncomingCall & { readonly method: string })[];
  }

  const apps: Readonly<Record<string, () => Promise<Asked>>> = {
    async grpc() {
      const app = await startGrpcApp({ application });
      ending.push(() => app.kill());
      return { flag: `--rpc_host=${app.address}`, calls: app.calls };
    },
    async http() {
      const app = await startHttpApp({ application });
      ending.push(() => app.kill());
      return { flag: `--rpc_host=${app.url}`, calls: app.calls as unknown as Asked["calls"] };
    },
  };

  function expectChild(child: CollectedSpan, parent: { readonly traceId: string; readonly spanId: string }): void {
    expect({ traceId: child.traceId, parentSpanId: child.parentSpanId }).toEqual({ traceId: parent.traceId, parentSpanId: parent.spanId });
  }

  function expectRoot(span: CollectedSpan, link?: CollectedSpan): void {
    expect(span.parentSpanId).toBe("");
    expect(span.links).toEqual(link === undefined ? [] : [{ traceId: link.traceId, spanId: link.spanId }]);
  }

  /** What the application was told of a span. */
  function told({ calls }: Asked, method: string, at = 0): string | undefined {
    return calls.filter((call) => call.method.toLowerCase() === method)[at]?.traceparent;
  }

  it.each(Object.keys(apps))("go from the upgrade through every call to the application, over %s", async (kind) => {
    const app = await apps[kind]!();
    const ropeway = await start([app.flag], { OTEL_SERVICE_NAME: "chat", OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test" });
    const headers = { traceparent, tracestate: "vendor=abc" };
    const client = await CableClient.connect(`${ropeway.cable}?jid=secret-token`, { headers });

    const connect = await collector.span("cable connect");
    expectChild(connect, outer);
    const sid = app.calls[0]!.sid;
    expect(connect).toMatchObject({ kind: SERVER, attributes: { "ropeway.sid": sid, "url.path": "/cable", "ropeway.outcome": "open" } });
    expect(connect.resource).toMatchObject({
      "service.name": "chat",
      "deployment.environment": "test",
      "service.version": expect.any(String),
    });
    const connectCall = await collector.span("anycable.RPC/Connect");
    expectChild(connectCall, connect);
    expect(connectCall).toMatchObject({
      kind: CLIENT,
      attributes: { "rpc.system": kind, "ropeway.sid": sid, "ropeway.outcome": "accepted" },
    });
    expect(connectCall.startNs).toBeGreaterThanOrEqual(connect.startNs - 2_000_000n);
    // OpenTelemetry takes the time of each span from a clock of milliseconds that is its own.
    expect(connectCall.endNs).toBeLessThanOrEqual(connect.endNs + 2_000_000n);
    expect(told(app, "connect")).toBe(`00-${outer.traceId}-${connectCall.spanId}-01`);
    expect(app.calls[0]!.tracestate).toBe("vendor=abc");

    await client.subscribe(identifier);
    const subscribe = await collector.span("cable subscribe");
    expectRoot(subscribe, connect);
    expect(subscribe.attributes).toMatchObject({ "ropeway.sid": sid, "ropeway.channel": "RoomChannel" });
    const subscribeCall = await collector.span("anycable.RPC/Command", ({ attributes }) => attributes["ropeway.command"] === "subscribe");
    expectChild(subscribeCall, subscribe);
    expect(told(app, "command")).toBe(`00-${subscribe.traceId}-${subscribeCall.spanId}-01`);

    client.say({ command: "message", identifier, data: '{"action":"speak"}' });
    const message = await collector.span("cable message");
    expectRoot(message, connect);
    expect(message.traceId).not.toBe(subscribe.traceId);
    expectChild(await collector.span("anycable.RPC/Command", ({ traceId }) => traceId === message.traceId), message);

    await client.drop();
    const disconnectCall = await collector.span("anycable.RPC/Disconnect");
    expectRoot(disconnectCall, connect);
    expect(told(app, "disconnect")).toBe(`00-${disconnectCall.traceId}-${disconnectCall.spanId}-01`);
    expect(JSON.stringify(collector.requests.map(({ body }) => body.toString()))).not.toMatch(/secret-token|do-not-tell/);
  });

  it("tell what failed, and where", async () => {
    const app = await apps["grpc"]!();
    const ropeway = await start([app.flag]);
    const client = await CableClient.connect(ropeway.cable);
    await client.subscribe(identifier);
    client.say({ command: "message", identifier, data: '{"action":"break"}' });
    const message = await collector.span("cable message");
    const call = await collector.span("anycable.RPC/Command", ({ traceId }) => traceId === message.traceId);
    const failure = {
      attributes: { "error.type": "rpc.failed" },
      status: { code: 2, message: expect.stringContaining("it broke") as string },
    };
    expect(message).toMatchObject(failure);
    expect(call).toMatchObject(failure);
    client.say({ command: "unsubscribe", identifier: "nothing" });
    expect((await collector.span("cable unsubscribe")).attributes).toMatchObject({ "error.type": "command.unknown_subscription" });
    await client.sync();
    expect(collector.spans.filter(({ name }) => name === "cable ping")).toEqual([]);
  });

  it("begin with us when nobody sent one, and say when a client was refused", async () => {
    const app = await startGrpcApp({ application: { connect: () => ({ status: 2 }) } });
    ending.push(() => app.kill());
    const ropeway = await start([`--rpc_host=${app.address}`]);
    const client = new CableClient(ropeway.cable, { headers: { traceparent: "00-nonsense-01" } });
    await client.ended;
    const connect = await collector.span("cable connect");
    expectRoot(connect);
    expect(connect.attributes["ropeway.outcome"]).toBe("refused");
    expect((await collector.span("anycable.RPC/Connect")).attributes["ropeway.outcome"]).toBe("rejected");
  });

  it("follow a publication from its request to the last client", async () => {
    const ropeway = await start(standalone);
    const clients = await Promise.all([1, 2, 3].map(() => CableClient.connect(ropeway.cable)));
    for (const client of clients) await client.subscribe(publicStream("news"));
    const publish = async (body: unknown, headers: Readonly<Record<string, string>>): Promise<void> => {
      const authorization = "Bearer test-broadcast-key";
      const response = await fetch(ropeway.http("/_broadcast"), {
        method: "POST",
        headers: { authorization, ...headers },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(201);
    };
    await publish({ stream: "news", data: "1" }, { traceparent });
    const request = await collector.span("POST /_broadcast");
    expectChild(request, outer);
    expect(request).toMatchObject({ kind: SERVER, attributes: { "http.response.status_code": 201 } });
    const deliver = await collector.span("cable deliver");
    expectChild(deliver, request);
    expect(deliver).toMatchObject({
      kind: INTERNAL,
      links: [],
      attributes: { "ropeway.receivers": 3, "messaging.destination.name": "news" },
    });

    // A batch that was collected from several requests: each element says where it came from.
    const other = { traceId: "a".repeat(32), spanId: "b".repeat(16) };
    const meta = { traceparent: `00-${other.traceId}-${other.spanId}-01` };
    await publish(
      [
        { stream: "news", data: "2", meta },
        { stream: "nobody", data: "3" },
      ],
      {},
    );
    const linked = await collector.span("cable deliver", ({ links }) => links.length > 0);
    expect(linked.links).toEqual([other]);
    const batch = await collector.span("POST /_broadcast", ({ spanId }) => spanId !== request.spanId);
    expectChild(linked, batch);
    const unheard = await collector.span("cable deliver", ({ attributes }) => attributes["messaging.destination.name"] === "nobody");
    expectChild(unheard, batch);
    expect(unheard.attributes["ropeway.receivers"]).toBe(0);
  });

  it("follow a whisper to those who hear it", async () => {
    const ropeway = await start(standalone);
    const [speaker, listener] = await Promise.all([CableClient.connect(ropeway.cable), CableClient.connect(ropeway.cable)]);
    for (const client of [speaker, listener]) await client.subscribe(publicStream("news"));
    speaker.say({ command: "whisper", identifier: publicStream("news"), data: { text: "psst" } });
    expect(await listener.next()).toMatchObject({ message: { text: "psst" } });
    const whisper = await collector.span("cable whisper");
    const deliver = await collector.span("cable deliver");
    expectChild(deliver, whisper);
    expect(deliver.attributes).toMatchObject({ "ropeway.receivers": 1, "ropeway.transient": true });
  });

  it("are sampled as OTEL_TRACES_SAMPLER says, and the application is told", async () => {
    const app = await apps["grpc"]!();
    const ropeway = await start([app.flag], { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" });
    await CableClient.connect(ropeway.cable);
    expect(told(app, "connect")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    await CableClient.connect(ropeway.cable, { headers: { traceparent } });
    expect(told(app, "connect", 1)).toMatch(new RegExp(`^00-${outer.traceId}-[0-9a-f]{16}-01$`));
    expectChild(await collector.span("cable connect"), outer);
    await ropeway.stop();
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([outer.traceId]));
  });

  it("are sent to the last one at shutdown, in protobuf unless JSON is asked for", async () => {
    const ropeway = await start(standalone, { OTEL_EXPORTER_OTLP_PROTOCOL: "", OTEL_BSP_SCHEDULE_DELAY: "60000" });
    await CableClient.connect(ropeway.cable);
    expect(collector.requests).toEqual([]);
    expect(await ropeway.stop()).toBe(0);
    expect(collector.requests).toHaveLength(1);
    expect(collector.requests[0]).toMatchObject({ path: "/v1/traces", contentType: "application/x-protobuf" });
    expect(collector.requests[0]!.body.includes("cable connect")).toBe(true);
  });

  it("disturb nobody when there is no collector", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const ropeway = await start(standalone, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: "300" });
    const client = await CableClient.connect(ropeway.cable);
    await ropeway.logged("Traces can't be sent; trying on");
    await client.subscribe(publicStream("a"));
    expect(await ropeway.publish({ stream: "a", data: "1" })).toBe(201);
    expect(await client.next()).toMatchObject({ message: 1 });
    expect(await ropeway.stop()).toBe(0);
    expect(ropeway.log.filter(({ msg }) => msg.startsWith("Traces"))).toHaveLength(1);
  });

  it("stay off without the option, whatever the variables say, and with OTEL_SDK_DISABLED", async () => {
    const app = await apps["grpc"]!();
    for (const [flags, env] of [
      [["--tracing=none"], {}],
      [[], { OTEL_SDK_DISABLED: "true" }],
    ] as const) {
      const ropeway = await start([...flags, app.flag], env);
      await CableClient.connect(ropeway.cable, { headers: { traceparent } });
      await ropeway.stop();
    }
    expect(app.calls.filter(({ method }) => method === "Connect").map((call) => call.traceparent)).toEqual(["", ""]);
    expect(collector.requests).toEqual([]);
  });

  it("don't start with a variable that makes no sense", async () => {
    const ropeway = new Ropeway(["--tracing=otlp", ...standalone, "--port=0"], { ...collector.env, OTEL_TRACES_SAMPLER: "sometimes" });
    expect(await ropeway.exited).toBe(1);
    expect(ropeway.output.at(-1)).toMatch(/^ropeway: OTEL_TRACES_SAMPLER is "sometimes", but takes one of always_on, /);
  });

  it("don't start without OpenTelemetry's packages, and say how to install them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ropeway-bare-"));
    ending.push(async () => rmSync(folder, { recursive: true }));
    cpSync(join(repositoryRoot, "dist"), join(folder, "dist"), { recursive: true });
    cpSync(join(repositoryRoot, "package.json"), join(folder, "package.json"));
    mkdirSync(join(folder, "node_modules"));
    for (const name of readdirSync(join(repositoryRoot, "node_modules"))) {
      if (name !== "@opentelemetry") symlinkSync(join(repositoryRoot, "node_modules", name), join(folder, "node_modules", name));
    }
    const run = (...flags: readonly string[]): { readonly status: number | null; readonly stderr: string } =>
      spawnSync(process.execPath, [join(folder, "dist/cli/main.js"), ...flags], { encoding: "utf8", env: {} });
    expect(run("--tracing=otlp", ...standalone, "--port=0")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^ropeway: tracing=otlp needs packages that are not installed: npm install @opentelemetry\/api@\S+ @opentelemetry\/sdk-trace@\S+ @opentelemetry\/resources@\S+ @opentelemetry\/exporter-trace-otlp-proto@\S+ \(config\.missing_package\)\n$/,
      ) as string,
    });
    expect(run("--version").status).toBe(0);
  });
});
