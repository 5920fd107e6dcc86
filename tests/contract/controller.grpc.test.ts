import { once } from "node:events";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Controller } from "../../src/rpc/controller.ts";
import { grpcController, type GrpcControllerOptions } from "../../src/rpc/grpc.ts";
import { eventually } from "../support/eventually.ts";
import { startGrpcApp, type GrpcApp, type GrpcAppOptions } from "../support/grpc-app.ts";
import { codeOf, commandRequest, connectRequest, controllerContract } from "./controller.contract.ts";

controllerContract("grpc", {
  async open(application) {
    const app = await startGrpcApp({ application });
    return { controller: grpcController({ target: app.address }), close: () => app.kill() };
  },
});

const endings: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function startApp(options: GrpcAppOptions = {}): Promise<GrpcApp> {
  const app = await startGrpcApp(options);
  endings.push(() => app.kill());
  return app;
}

function open(options: GrpcControllerOptions): Controller {
  const controller = grpcController(options);
  endings.push(() => controller.stop?.());
  return controller;
}

const never = (): AbortSignal => new AbortController().signal;

describe("where gRPC calls go", () => {
  it.each([
    (port: number) => `127.0.0.1:${port}`,
    (port: number) => `localhost:${port}`,
    (port: number) => `dns:///localhost:${port}`,
    (port: number) => `dns:127.0.0.1:${port}`,
    (port: number) => `ipv4:127.0.0.1:${port}`,
    (port: number) => `grpc-list://localhost:${port}`,
    (port: number) => ` grpc-list:dns:///localhost:${port}, `,
  ])("%s reaches the server", async (target) => {
    const app = await startApp();
    await open({ target: target(app.port) }).connect(connectRequest, never());
    expect(app.calls).toHaveLength(1);
  });

  it("does not go through the proxy that is meant for the internet", async () => {
    vi.stubEnv("http_proxy", "http://127.0.0.1:1");
    endings.push(async () => vi.unstubAllEnvs());
    const app = await startApp();
    await open({ target: app.address }).connect(connectRequest, never());
  });

  it.each([
    "",
    " ",
    ":50051",
    "localhost:port",
    "localhost:70000",
    "http://localhost:50051",
    "grpc-list://",
    "grpc-list://a:1,,b:2",
    "nope://a:1",
  ])("refuses the target %j with the option's name", (target) => {
    expect(() => grpcController({ target })).toThrow(
      expect.objectContaining({ code: "config.invalid_value", message: expect.stringMatching(/^rpc_host: /) as string }) as Error,
    );
  });
});

it("lets go of its connections when it stops", async () => {
  const app = await startApp();
  const controller = open({ target: app.address });
  await controller.connect(connectRequest, never());
  expect(app.connections()).toBe(1);
  await controller.stop?.();
  await eventually(() => app.connections()).toBe(0);
});

describe("sizes of gRPC messages", () => {
  const answer = (bytes: number): GrpcAppOptions => ({ application: { command: () => ({ transmissions: ["x".repeat(bytes)] }) } });

  it("takes answers of 4 MiB and no more by default", async () => {
    const { address } = await startApp(answer(4 * 1024 * 1024));
    await expect(open({ target: address }).command(commandRequest, never())).rejects.toMatchObject({
      code: "rpc.invalid_answer",
      message: expect.stringContaining("rpc_max_call_recv_size") as string,
    });
    const { address: smaller } = await startApp(answer(4 * 1024 * 1024 - 100));
    await open({ target: smaller }).command(commandRequest, never());
  });

  it("takes answers up to the limit that is set", async () => {
    const { address } = await startApp(answer(5_000));
    await open({ target: address, maxReceiveBytes: 6_000 }).command(commandRequest, never());
    expect(await codeOf(open({ target: address, maxReceiveBytes: 4_000 }).command(commandRequest, never()))).toBe("rpc.invalid_answer");
  });

  it("does not send a request over the limit that is set", async () => {
    const app = await startApp();
    const controller = open({ target: app.address, maxSendBytes: 2_000 });
    await expect(controller.command({ ...commandRequest, data: "x".repeat(2_000) }, never())).rejects.toMatchObject({
      code: "rpc.failed",
      message: expect.stringContaining("rpc_max_call_send_size") as string,
    });
    await controller.command(commandRequest, never());
    expect(app.calls).toHaveLength(1);
  });
});

describe("gRPC servers that make no sense", () => {
  const bytes = (message: Buffer): Buffer => message;

  /** A server whose Connect answers with as many messages as it likes. */
  async function startStreaming(messages: readonly Buffer[]): Promise<string> {
    const server = new Server();
    const method = {
      path: "/anycable.RPC/Connect",
      requestStream: false,
      responseStream: true,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    server.addService(
      { Connect: method },
      {
        Connect: (call: { write(message: Buffer): void; end(): void }) => {
          for (const message of messages) call.write(message);
          call.end();
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    endings.push(async () => server.forceShutdown());
    return `127.0.0.1:${port}`;
  }

  /** A server that speaks HTTP/2 and does with a request whatever it likes. */
  async function startHttp2(
    onStream: (stream: ServerHttp2Stream) => void,
  ): Promise<{ readonly target: string; readonly sessions: Set<ServerHttp2Session> }> {
    const server = createServer();
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => {
      sessions.add(session);
      session.on("error", () => {});
    });
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => {});
      onStream(stream);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    endings.push(async () => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return { target: `127.0.0.1:${(server.address() as AddressInfo).port}`, sessions };
  }

  const yes = Buffer.from([0x08, 0x01]);

  it("does not take two answers to one call", async () => {
    expect(await codeOf(open({ target: await startStreaming([yes, yes]) }).connect(connectRequest, never()))).toBe("rpc.invalid_answer");
  });

  it("does not take success without an answer", async () => {
    expect(await codeOf(open({ target: await startStreaming([]) }).connect(connectRequest, never()))).toBe("rpc.invalid_answer");
  });

  it("takes an empty answer for what it is in protobuf: status ERROR", async () => {
    expect(await codeOf(open({ target: await startStreaming([Buffer.alloc(0)]) }).connect(connectRequest, never()))).toBe("rpc.failed");
  });

  it("says so when the server does not know the call", async () => {
    const { target } = await startHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "12" }, { endStream: true });
    });
    await expect(open({ target }).connect(connectRequest, never())).rejects.toMatchObject({
      code: "rpc.failed",
      message: expect.stringContaining("rpc_host") as string,
    });
  });

  it.each([
    ["a web page", "rpc.invalid_answer", (stream: ServerHttp2Stream) => page(stream, 200)],
    ["a web page that is not there", "rpc.failed", (stream: ServerHttp2Stream) => page(stream, 404)],
    ["a gateway without a server", "rpc.unavailable", (stream: ServerHttp2Stream) => page(stream, 503)],
    ["a login page", "rpc.unauthenticated", (stream: ServerHttp2Stream) => page(stream, 401)],
    ["a reset", "rpc.failed", (stream: ServerHttp2Stream) => stream.close(2)],
    ["a status that is no number", "rpc.failed", (stream: ServerHttp2Stream) => trailers(stream, "many")],
    ["a status that does not exist", "rpc.failed", (stream: ServerHttp2Stream) => trailers(stream, "99")],
    ["an answer cut short", "rpc.invalid_answer", (stream: ServerHttp2Stream) => message(stream, [0, 0, 0, 0, 9, 8, 1])],
    ["a compressed answer that isn't", "rpc.failed", (stream: ServerHttp2Stream) => message(stream, [1, 0, 0, 0, 2, 8, 1])],
    ["a length of 4 GB", "rpc.invalid_answer", (stream: ServerHttp2Stream) => message(stream, [0, 255, 255, 255, 255, 8, 1])],
  ] as const)("fails the call on %s with %s", async (_what, code, onStream) => {
    const { target } = await startHttp2(onStream);
    expect(await codeOf(open({ target }).connect(connectRequest, never()))).toBe(code);
  });

  function page(stream: ServerHttp2Stream, status: number): void {
    stream.respond({ ":status": status, "content-type": "text/html" });
    stream.end("<html><h1>Hello</h1></html>");
  }

  function trailers(stream: ServerHttp2Stream, status: string): void {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
    stream.end();
  }

  function message(stream: ServerHttp2Stream, frame: readonly number[]): void {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.from(frame));
  }

  it("pings servers although there are no calls", async () => {
    const { target, sessions } = await startHttp2(() => {});
    await open({ target, keepaliveMs: 20 }).start?.();
    await eventually(() => sessions.size).toBe(1);
    await once([...sessions][0]!, "ping");
  });
});
