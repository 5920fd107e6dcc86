import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import type { Controller } from "../../src/rpc/controller.ts";
import { httpController, type HttpControllerOptions } from "../../src/rpc/http.ts";
import { startHttpApp, type HttpApp, type HttpAppOptions } from "../support/http-app.ts";
import { rawAnswer, startRawHttp, yes, type RawHttp, type RawRequest } from "../support/raw-http.ts";
import { codeOf, commandRequest, connectRequest, controllerContract, disconnectRequest } from "./controller.contract.ts";

controllerContract("http", {
  async open(application) {
    const app = await startHttpApp({ application, key: "secret" });
    return { controller: httpController({ url: app.url, key: "secret" }), close: () => app.kill() };
  },
});

const endings: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function startApp(options: HttpAppOptions = {}): Promise<HttpApp> {
  const app = await startHttpApp(options);
  endings.push(() => app.kill());
  return app;
}

/** A server that answers every request with these bytes. */
async function startAnswering(bytes: Buffer | ((request: RawRequest) => Buffer)): Promise<RawHttp> {
  const server = await startRawHttp((request) => request.socket.write(typeof bytes === "function" ? bytes(request) : bytes));
  endings.push(() => server.close());
  return server;
}

function open(options: HttpControllerOptions): Controller {
  const controller = httpController(options);
  endings.push(() => controller.stop?.());
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe("an HTTP request for a call", () => {
  it("is what AnyCable sends, and nothing more", async () => {
    const server = await startAnswering(yes);
    const controller = open({ url: `${server.url}/_anycable/`, key: "k", userAgent: "Ropeway/1.2.3" });
    await controller.connect(connectRequest, never());
    const [{ head, body }] = server.requests as [RawRequest];
    expect(head.split("\r\n")).toEqual([
      "POST /_anycable/connect HTTP/1.1",
      `host: 127.0.0.1:${server.port}`,
      "content-type: application/json",
      "accept: application/json",
      "user-agent: Ropeway/1.2.3",
      "x-anycable-meta-protov: v1",
      "authorization: Bearer k",
      "x-anycable-meta-sid: sid-1",
      `content-length: ${Buffer.byteLength(body)}`,
      "Connection: keep-alive",
    ]);
    expect(JSON.parse(body)).toEqual({ env: { url: connectRequest.env.url, headers: Object.fromEntries(connectRequest.env.headers) } });
  });

  it("has a path of its own for each of the three", async () => {
    const app = await startApp();
    const controller = open({ url: `${app.url}?bypass=1` });
    await controller.connect(connectRequest, never());
    await controller.command(commandRequest, never());
    await controller.disconnect(disconnectRequest, never());
    expect(app.calls.map(({ path }) => path)).toEqual(["connect", "command", "disconnect"].map((name) => `/_anycable/${name}?bypass=1`));
  });

  it.each(["/", "", "/deep/er", "/with%20blank"])("finds an application that is mounted at %j", async (path) => {
    const app = await startApp({ path });
    await open({ url: app.url }).connect(connectRequest, never());
  });

  it("finds one on IPv6, and one by name", async () => {
    const app = await startApp({ host: "::1" });
    await open({ url: app.url }).connect(connectRequest, never());
    expect(app.calls[0]!.headers.host).toBe(`[::1]:${app.port}`);
    await open({ url: `http://localhost:${(await startApp()).port}/_anycable` }).connect(connectRequest, never());
  });

  it("carries the user and password of the URL when there is no key, and the key alone when there is one", async () => {
    const server = await startAnswering(yes);
    const url = `http://user:p%40ss@127.0.0.1:${server.port}`;
    await open({ url }).connect(connectRequest, never());
    await open({ url, key: "k" }).connect(connectRequest, never());
    await open({ url: server.url }).connect(connectRequest, never());
    const authorizations = server.requests.map(({ head }) => /^authorization: (.*)$/m.exec(head)?.[1]);
    expect(authorizations).toEqual([`Basic ${Buffer.from("user:p@ss").toString("base64")}`, "Bearer k", undefined]);
  });

  it("carries a key of any characters as its UTF-8 bytes, and refuses one that would end the line", async () => {
    const server = await startAnswering(yes);
    await open({ url: server.url, key: "ключ 🔑" }).connect(connectRequest, never());
    expect(Buffer.from(/^authorization: (.*)$/m.exec(server.requests[0]!.head)![1]!, "latin1").toString()).toBe("Bearer ключ 🔑");
    expect(() => httpController({ url: server.url, key: "a\r\nb: c" })).toThrow(
      expect.objectContaining({ code: "config.invalid_value", message: expect.stringMatching(/^http_rpc_secret: /u) as string }) as Error,
    );
  });

  it("is not made when the sid can't stand in a header", async () => {
    const app = await startApp();
    const controller = open({ url: app.url });
    expect(await codeOf(controller.connect({ ...connectRequest, sid: "a\r\nb: c" }, never()))).toBe("rpc.failed");
    await controller.connect(connectRequest, never());
    expect(app.calls).toHaveLength(1);
  });
});

describe("connections for HTTP calls", () => {
  it("are used again", async () => {
    const app = await startApp();
    const controller = open({ url: app.url });
    for (let call = 0; call < 5; call++) await controller.connect(connectRequest, never());
    expect(app.accepted()).toBe(1);
  });

  it("are as many as calls at the same time, up to the limit", async () => {
    const app = await startApp();
    const controller = open({ url: app.url, maxConnections: 3 });
    await Promise.all(Array.from({ length: 20 }, () => controller.connect(connectRequest, never())));
    expect(app.accepted()).toBe(3);
    expect(app.calls).toHaveLength(20);
  });

  it("are closed when they have had no call for the time that they are kept", async () => {
    const app = await startApp();
    const controller = open({ url: app.url, keepIdleMs: 20 });
    await controller.connect(connectRequest, never());
    await expect.poll(() => app.connections()).toBe(0);
    await controller.connect(connectRequest, never());
    expect(app.accepted()).toBe(2);
  });

  it("are not closed for that while a call takes its time", async () => {
    const app = await startApp({
      application: { command: () => new Promise((resolve) => setTimeout(() => resolve({ streams: ["late"] }), 100)) },
    });
    expect(await open({ url: app.url, keepIdleMs: 20 }).command(commandRequest, never())).toMatchObject({ streams: ["late"] });
  });

  it("are not used again when the server is about to close them", async () => {
    const server = await startAnswering(rawAnswer(200, '{"status":1}', { "Keep-Alive": "timeout=1" }));
    const controller = open({ url: server.url });
    await controller.connect(connectRequest, never());
    await controller.connect(connectRequest, never());
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 2]);
  });

  it("end when the controller stops", async () => {
    const app = await startApp();
    const controller = open({ url: app.url });
    await controller.connect(connectRequest, never());
    expect(app.connections()).toBe(1);
    await controller.stop?.();
    await expect.poll(() => app.connections()).toBe(0);
  });

  it("are given back by calls that were refused", async () => {
    const server = await startAnswering(rawAnswer(500, "boom"));
    const controller = open({ url: server.url });
    for (let call = 0; call < 5; call++) await codeOf(controller.connect(connectRequest, never()));
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 1, 1, 1]);
  });
});

describe("sizes of HTTP messages", () => {
  const answer = (bytes: number): HttpAppOptions => ({ application: { command: () => ({ transmissions: ["x".repeat(bytes)] }) } });
  const tooLarge = { code: "rpc.invalid_answer", message: expect.stringContaining("rpc_max_call_recv_size") as string };

  it("take answers of 4 MiB and no more by default", async () => {
    const { url } = await startApp(answer(4 * 1024 * 1024));
    await expect(open({ url }).command(commandRequest, never())).rejects.toMatchObject(tooLarge);
    const { url: smaller } = await startApp(answer(4 * 1024 * 1024 - 100));
    await open({ url: smaller }).command(commandRequest, never());
  });

  it("take answers up to the limit that is set, announced or not", async () => {
    const { url } = await startApp(answer(5_000));
    await open({ url, maxReceiveBytes: 6_000 }).command(commandRequest, never());
    await expect(open({ url, maxReceiveBytes: 4_000 }).command(commandRequest, never())).rejects.toMatchObject(tooLarge);
    // Without the answer itself, and without an end: it is refused as soon as it can be known to be too long.
    const announcing = await startAnswering(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 4001\r\n\r\n"));
    await expect(open({ url: announcing.url, maxReceiveBytes: 4_000 }).command(commandRequest, never())).rejects.toMatchObject(tooLarge);
    const chunk = `1000\r\n${" ".repeat(4_096)}\r\n`;
    const server = await startAnswering(Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`));
    await expect(open({ url: server.url, maxReceiveBytes: 4_000 }).command(commandRequest, never())).rejects.toMatchObject(tooLarge);
  });

  it("don't send a request over the limit that is set", async () => {
    const app = await startApp();
    const controller = open({ url: app.url, maxSendBytes: 2_000 });
    await expect(controller.command({ ...commandRequest, data: "é".repeat(1_000) }, never())).rejects.toMatchObject({
      code: "rpc.failed",
      message: expect.stringContaining("rpc_max_call_send_size") as string,
    });
    await controller.command(commandRequest, never());
    expect(app.calls).toHaveLength(1);
  });
});

describe("the Ruby application", () => {
  it("says 401 to a wrong key: the error names the option", async () => {
    const app = await startApp({ key: "right" });
    for (const controller of [open({ url: app.url, key: "wrong" }), open({ url: app.url })]) {
      await expect(controller.connect(connectRequest, never())).rejects.toMatchObject({
        code: "rpc.unauthenticated",
        message: expect.stringMatching(/\(401\): Unauthorized; http_rpc_secret/u) as string,
      });
    }
    expect(app.calls).toEqual([]);
  });

  it("says 404 to a wrong path: the error names URL and option", async () => {
    const app = await startApp();
    await expect(open({ url: `${app.url}/cable` }).connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.failed",
      message: `there is nothing at ${app.url}/cable/connect (404): Not found; rpc_host must be the whole URL of the RPC endpoint, with its path (/_anycable in Rails)`,
    });
  });

  it("answers ERROR to a version of the contract that it doesn't speak", async () => {
    const app = await startApp();
    const response = await fetch(`${app.url}/connect`, { method: "POST", body: '{"env":{}}' });
    expect([response.status, await response.text()]).toEqual([200, '{"error_msg":"Incompatible AnyCable RPC client."}']);
  });
});

describe("an HTTP status", () => {
  const url = "http://127.0.0.1:[0-9]+/connect";
  it.each([
    [400, "no such field", "rpc.failed", /^the application answered with HTTP status 400: no such field$/],
    [422, "Invalid\n\trequest \u0000 body", "rpc.failed", /^the application answered with HTTP status 422: Invalid request body$/],
    [422, "x".repeat(10_000), "rpc.failed", /^[^x]*x{200}$/],
    [201, '{"status":1}', "rpc.failed", /HTTP status 201/],
    [204, "", "rpc.failed", /HTTP status 204$/],
    [403, "", "rpc.failed", /HTTP status 403$/],
    [404, "", "rpc.failed", new RegExp(`^there is nothing at ${url} \\(404\\); rpc_host must be`)],
    [405, "", "rpc.failed", /HTTP status 405$/],
    [408, "", "rpc.unavailable", /\(408\)$/],
    [413, "too large", "rpc.failed", /HTTP status 413: too large$/],
    [429, "slow down", "rpc.exhausted", /\(429\): slow down$/],
    [500, "oh", "rpc.failed", /HTTP status 500: oh$/],
    [502, "", "rpc.unavailable", /\(502\)$/],
    [503, "starting", "rpc.unavailable", /\(503\): starting$/],
    [504, "", "rpc.failed", /HTTP status 504$/],
    [999, "", "rpc.failed", /HTTP status 999$/],
  ] as const)("of %i with %j fails the call", async (status, body, code, message) => {
    const server = await startAnswering(rawAnswer(status, body));
    await expect(open({ url: server.url }).connect(connectRequest, never())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it("does not quote a page of HTML", async () => {
    const server = await startAnswering(rawAnswer(500, "<h1>NoMethodError</h1>", { "Content-Type": "text/html; charset=utf-8" }));
    await expect(open({ url: server.url }).connect(connectRequest, never())).rejects.toMatchObject({
      message: "the application answered with HTTP status 500",
    });
  });

  it("does not wait for the rest of a long one", async () => {
    const server = await startAnswering(rawAnswer(500, "x".repeat(100_000), { "Content-Length": "1000000" }));
    expect(await codeOf(open({ url: server.url }).connect(connectRequest, never()))).toBe("rpc.failed");
  });

  it.each([301, 302, 307, 308])("of %i is not followed, and says where to", async (status) => {
    const target = await startApp();
    const server = await startAnswering(rawAnswer(status, "", { Location: `${target.url}/connect?token=s3cr3t` }));
    await expect(open({ url: server.url }).connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.failed",
      message: `${server.url}/connect redirects (${status}) to ${target.url}/connect, and redirects are not followed; set rpc_host to where the application is`,
    });
    expect(target.calls).toEqual([]);
  });
});

describe("HTTP servers that make no sense", () => {
  const json = '{"status":1}';
  it.each([
    ["a web page", "rpc.invalid_answer", rawAnswer(200, "<html><h1>Hello</h1></html>", { "Content-Type": "text/html" })],
    ["nothing", "rpc.invalid_answer", rawAnswer(200, "")],
    ["what was not asked to be compressed", "rpc.invalid_answer", rawAnswer(200, gzipSync(json), { "Content-Encoding": "gzip" })],
    ["what is no HTTP", "rpc.invalid_answer", Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")],
    ["gRPC's settings", "rpc.invalid_answer", Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])],
    ["endless headers", "rpc.invalid_answer", Buffer.from(`HTTP/1.1 200 OK\r\nA: ${"x".repeat(100_000)}`)],
    ["two lengths", "rpc.invalid_answer", Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 12\r\n\r\n${json}`)],
    ["a length that is no number", "rpc.invalid_answer", Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n${json}`)],
    ["a broken chunk", "rpc.invalid_answer", Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${json}`)],
  ] as const)("fail the call when they send %s, and nothing else", async (_what, code, bytes) => {
    const server = await startAnswering(({ nth, connection }) => (connection === 1 && nth === 1 ? bytes : yes));
    const controller = open({ url: server.url });
    expect(await codeOf(controller.connect(connectRequest, never()))).toBe(code);
    await controller.connect(connectRequest, never());
  });

  it("may send more than was asked for: the next call is not answered by it", async () => {
    const server = await startAnswering(({ connection, nth }) =>
      connection === 1 && nth === 1 ? Buffer.concat([yes, rawAnswer(200, '{"status":1,"identifiers":"for nobody"}')]) : yes,
    );
    const controller = open({ url: server.url });
    await controller.connect(connectRequest, never());
    expect(await controller.connect(connectRequest, never())).toMatchObject({ identifiers: "" });
  });

  it("may announce that an answer is on its way, and hint at others", async () => {
    const hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    const server = await startAnswering(Buffer.concat([Buffer.from(hints), yes]));
    await open({ url: server.url }).connect(connectRequest, never());
  });
});
