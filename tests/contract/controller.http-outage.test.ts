import { afterEach, describe, expect, it } from "vitest";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { CircuitBreaker } from "../../src/rpc/circuit-breaker.ts";
import type { Controller } from "../../src/rpc/controller.ts";
import { guarded } from "../../src/rpc/guard.ts";
import { httpCircuit } from "../../src/rpc/http-circuit.ts";
import { httpController, type HttpControllerOptions } from "../../src/rpc/http.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { freePort } from "../support/free-port.ts";
import { startHttpApp, type HttpApp, type HttpAppOptions } from "../support/http-app.ts";
import { rawAnswer, startRawHttp, yes, type RawHttp, type RawRequest } from "../support/raw-http.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { codeOf, connectRequest } from "./controller.contract.ts";

const endings: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function startApp(options: HttpAppOptions = {}): Promise<HttpApp> {
  const app = await startHttpApp(options);
  endings.push(() => app.kill());
  return app;
}

async function startRaw(respond: (request: RawRequest) => void): Promise<RawHttp> {
  const server = await startRawHttp(respond);
  endings.push(() => server.close());
  return server;
}

function open(options: HttpControllerOptions): Controller {
  const controller = httpController(options);
  endings.push(() => controller.stop?.());
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe("an HTTP application that is away", () => {
  it("fails calls at once, is told once in the log, and may come back", async () => {
    const port = await freePort();
    const url = `http://user:s3cr3t@127.0.0.1:${port}/_anycable`;
    const { logger, lines, messages } = recordedLog();
    const controller = open({ url, logger });
    expect(controller.isReachable?.()).toBe(true);
    for (let call = 0; call < 3; call++) {
      await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({
        code: "rpc.unavailable",
        message: `the application can't be reached at http://127.0.0.1:${port}/_anycable/connect: connect ECONNREFUSED 127.0.0.1:${port}`,
      });
    }
    expect(controller.isReachable?.()).toBe(false);
    expect(messages()).toEqual(["the application can't be reached; trying on"]);
    await startApp({ port });
    await controller.connect(connectRequest, never());
    expect(controller.isReachable?.()).toBe(true);
    expect(messages()).toEqual(["the application can't be reached; trying on", "the application can be reached again"]);
    expect(JSON.stringify(lines)).not.toContain("s3cr3t");
  });

  it("may have a name that nobody knows", async () => {
    await expect(open({ url: "http://no-such-host.invalid/" }).connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.unavailable",
      message: expect.stringContaining("no-such-host.invalid") as string,
    });
  });

  it("counts as there when it answers, whatever it says", async () => {
    const app = await startApp({ key: "k" });
    const controller = open({ url: app.url });
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unauthenticated");
    expect(controller.isReachable?.()).toBe(true);
  });

  it("says to whom gave up waiting what it waited for", async () => {
    const server = await startRaw(() => {});
    const client = new AbortController();
    const waiting = open({ url: server.url }).connect(connectRequest, client.signal);
    await expect.poll(() => server.requests).toHaveLength(1);
    client.abort();
    await expect(waiting).rejects.toMatchObject({
      code: "rpc.canceled",
      message: `the call was given up: no answer from ${server.url}/connect yet`,
    });
  });

  it("says so too when there was not even a connection", async () => {
    const server = await startRaw(() => {});
    const controller = open({ url: server.url, maxConnections: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const codes = [codeOf(controller.connect(connectRequest, first.signal))];
    await expect.poll(() => server.requests).toHaveLength(1);
    const waiting = controller.connect(connectRequest, second.signal);
    second.abort();
    await expect(waiting).rejects.toMatchObject({ message: `the call was given up: no connection to ${server.url}/connect yet` });
    first.abort();
    expect(await Promise.all(codes)).toEqual(["rpc.canceled"]);
    expect(server.requests).toHaveLength(1);
  });

  it("may die in the middle of an answer: the call is not made again", async () => {
    const server = await startRaw(({ socket, connection }) => {
      socket.end(connection === 1 ? rawAnswer(200, '{"status":1', { "Content-Length": "12" }) : yes);
    });
    const controller = open({ url: server.url });
    await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.invalid_answer",
      message: expect.stringMatching(/cut short/) as string,
    });
    await controller.connect(connectRequest, never());
    expect(server.requests).toHaveLength(2);
  });

  it("keeps its status when the text that goes with it is cut short", async () => {
    const server = await startRaw(({ socket }) => socket.end(rawAnswer(422, "Invalid re", { "Content-Length": "100" })));
    await expect(open({ url: server.url }).connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.failed",
      message: "the application answered with HTTP status 422: Invalid re",
    });
  });
});

describe("a kept connection that the server closes", () => {
  /** Answers the first request of the first connection, then does something else with the second. */
  async function startClosing(close: (request: RawRequest) => void): Promise<{ server: RawHttp; controller: Controller }> {
    const server = await startRaw((request) => {
      if (request.connection === 1 && request.nth === 2) close(request);
      else request.socket.write(yes);
    });
    const controller = open({ url: server.url });
    await controller.connect(connectRequest, never());
    return { server, controller };
  }

  const places = (server: RawHttp): readonly (readonly number[])[] => server.requests.map(({ connection, nth }) => [connection, nth]);

  it.each([
    ["ended", (request: RawRequest) => void request.socket.end()],
    ["reset", (request: RawRequest) => void request.socket.resetAndDestroy()],
  ])("and %s as we used it costs nothing: the call is made on a new one", async (_how, close) => {
    const { server, controller } = await startClosing(close);
    await controller.connect(connectRequest, never());
    expect(places(server)).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
    expect(controller.isReachable?.()).toBe(true);
  });

  it("takes the others that are kept with it", async () => {
    const held: RawRequest[] = [];
    const server = await startRaw((request) => {
      if (request.connection <= 3 && request.nth === 2) request.socket.end();
      else if (request.connection <= 3) held.push(request);
      else request.socket.write(yes);
    });
    const controller = open({ url: server.url });
    const first = Array.from({ length: 3 }, () => controller.connect(connectRequest, never()));
    await expect.poll(() => held).toHaveLength(3);
    for (const { socket } of held) socket.write(yes);
    await Promise.all(first);
    await controller.connect(connectRequest, never());
    await controller.connect(connectRequest, never());
    expect(server.requests[3]!.nth).toBe(2);
    expect(places(server).slice(4)).toEqual([
      [4, 1],
      [4, 2],
    ]);
    await expect.poll(() => held.every(({ socket }) => socket.destroyed)).toBe(true);
  });

  it("is no reason to ask again when there was a part of an answer", async () => {
    const { server, controller } = await startClosing(({ socket }) => void socket.end("HTTP/1.1 200 OK\r\nContent-Le"));
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unavailable");
    expect(server.requests).toHaveLength(2);
  });

  it("is one thing, and a new one that breaks another: that call may have been carried out, and fails", async () => {
    const server = await startRaw(({ socket }) => socket.resetAndDestroy());
    expect(await codeOf(open({ url: server.url }).connect(connectRequest, never()))).toBe("rpc.unavailable");
    expect(server.requests).toHaveLength(1);
  });

  it("is replaced once: when the new one breaks too, the call fails", async () => {
    const server = await startRaw(({ socket, connection, nth }) => {
      if (connection === 1 && nth === 1) socket.write(yes);
      else socket.resetAndDestroy();
    });
    const controller = open({ url: server.url });
    await controller.connect(connectRequest, never());
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unavailable");
    expect(server.requests).toHaveLength(3);
  });

  it("is not replaced for a caller that has given up", async () => {
    const client = new AbortController();
    const { server, controller } = await startClosing(() => client.abort());
    expect(await codeOf(controller.connect(connectRequest, client.signal))).toBe("rpc.canceled");
    await controller.connect(connectRequest, never());
    expect(server.requests).toHaveLength(3);
  });

  it("while nobody used it is not used any more", async () => {
    const app = await startApp();
    const controller = open({ url: app.url });
    await controller.connect(connectRequest, never());
    app.closeIdle();
    await expect.poll(() => app.connections()).toBe(0);
    await controller.connect(connectRequest, never());
    expect(app.calls).toHaveLength(2);
  });
});

describe("a guarded HTTP controller", () => {
  /** As the server puts it together. */
  function guard(url: string): { controller: Controller; circuit: CircuitBreaker; clock: FakeClock; messages: () => string[] } {
    const clock = new FakeClock();
    const metrics = createMetrics();
    const { logger, messages } = recordedLog();
    const limits = { commandTimeoutMs: 3_000, requestTimeoutMs: 3_000 };
    const circuit = httpCircuit({ ...limits, clock, logger, metrics });
    const controller = guarded(open({ url, logger }), { ...limits, clock, random: () => 0.5, metrics, circuit });
    return { controller, circuit, clock, messages };
  }

  it("opens the circuit on an application that hangs, and closes it when that one answers again", async () => {
    let isHanging = true;
    const server = await startRaw(({ socket }) => {
      if (!isHanging) socket.write(yes);
    });
    const { controller, circuit, clock, messages } = guard(server.url);
    const hanging = Array.from({ length: 12 }, () => codeOf(controller.connect(connectRequest, never())));
    await expect.poll(() => server.requests).toHaveLength(12);
    clock.advance(3_000);
    expect(new Set(await Promise.all(hanging))).toEqual(new Set(["rpc.timeout"]));

    expect(await codeOf(controller.connect(connectRequest, never()))).toBe("rpc.unavailable");
    expect(server.requests).toHaveLength(12);
    expect(controller.isReachable?.()).toBe(false);
    expect(circuit.complaint).toMatch(/^calls fail at once \(circuit open\); the last failure: .*no answer from http/u);

    isHanging = false;
    clock.advance(5_000);
    for (let probe = 0; probe < 5; probe++) await controller.connect(connectRequest, never());
    expect(circuit.isClosed).toBe(true);
    expect(messages()).toEqual([
      "circuit open: the application does not answer, so calls to it fail at once",
      "circuit closed: the application answers again",
    ]);
  });

  it.each([
    ["status 500", rawAnswer(500, "boom")],
    ["status 503", rawAnswer(503, "busy")],
    ["garbage", Buffer.from("garbage\r\n")],
  ])("leaves the circuit closed when the application answers with %s", async (_what, bytes) => {
    const server = await startRaw(({ socket }) => socket.write(bytes));
    const { circuit, clock } = guard(server.url);
    const controller = circuit.protect(open({ url: server.url }));
    for (let round = 0; round < 2; round++) {
      for (let call = 0; call < 12; call++) await codeOf(controller.connect(connectRequest, never()));
      clock.advance(3_000);
    }
    expect(server.requests).toHaveLength(24);
    expect(circuit.isClosed).toBe(true);
  });
});
